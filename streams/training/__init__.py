"""A training run, from the pairs on the topics to the model that serves."""
