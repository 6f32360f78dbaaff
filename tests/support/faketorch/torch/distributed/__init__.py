"""A stand-in for torchrun, for tests that need no torch: put this folder on PYTHONPATH."""
