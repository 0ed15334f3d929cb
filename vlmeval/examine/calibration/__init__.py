"""Scores as probabilities: recalibrated on validation units, and reliability by group."""
