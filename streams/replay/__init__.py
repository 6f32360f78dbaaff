"""Replay: history judged by another panel, or cut and filtered by other rules."""
