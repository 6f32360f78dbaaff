"""The gate's statistics: clustered tests and intervals, a bet that may be stopped, lengths."""
