"""Panels side by side: what each says, how they differ, and which one counts."""
