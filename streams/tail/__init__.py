"""The tailer: session files in, `entries` out."""
