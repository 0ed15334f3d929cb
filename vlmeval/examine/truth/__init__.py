"""How sure the truth is: differentials, drawn labels, readers against each other, other readings; see `examiner`."""
