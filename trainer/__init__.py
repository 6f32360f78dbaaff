"""When a model is trained, of what, where, and whether it is better."""
