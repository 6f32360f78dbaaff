"""The live feed: what comes out of the line, one line each, as it comes."""
