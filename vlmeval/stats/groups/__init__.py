"""How far the levels of a group are apart: gaps, their intervals, fairness at one decision, the permutation test."""
