"""The SCIN release: `adapter.read` makes rows of its two tables; the other modules read one kind of column each."""
