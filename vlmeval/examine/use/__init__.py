"""Using a model: answering only when sure, sets of answers, operating points, decision curves."""
