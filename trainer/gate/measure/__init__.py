"""Looking at models: what they make of held-out pairs, and what they answer.

torch and what stands on it are imported inside functions, in the gate's own process only.
"""
