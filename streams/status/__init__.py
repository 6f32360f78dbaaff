"""What the line is doing: read from the log and the supervisor's state, written by nobody."""
