"""Keeps the stages alive: one process that starts the others, restarts them and ends them.

It runs all day beside them, so it stays small: it imports neither Faust nor pydantic. What it
needs of the settings is handed to it as a `Plan`.
"""
