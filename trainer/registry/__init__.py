"""Every model that was trained, where it comes from, and which one serves."""
