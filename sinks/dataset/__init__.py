"""The snapshot: pairs and single decisions as a Hugging Face data set that never changes."""
