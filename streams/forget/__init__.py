"""Forgetting: what a person wants out of the line goes from everything that clawback keeps."""
