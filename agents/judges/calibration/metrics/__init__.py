"""Figures from scores: pure functions, each with its formula and where that comes from."""
