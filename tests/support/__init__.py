"""What several tests and benchmarks need."""
