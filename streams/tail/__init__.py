"""The tailer: session files in, `entries` out; and `tools`, from the trajectories beside them."""
