"""Dead letters: what could not be read, and reading it again."""
