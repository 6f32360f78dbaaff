"""The stages of the line, one file each: what decides in it, and what it reads and writes."""
