"""Stored judgements joined anew under another panel: how fast, and in how much memory."""
