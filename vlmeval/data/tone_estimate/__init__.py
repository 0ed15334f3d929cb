"""Skin tone estimated from pixels, on request only: `pixels` (one picture), `estimate` (a benchmark)."""
