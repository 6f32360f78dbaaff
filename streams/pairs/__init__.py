"""What people do with pairs: look at them, try out settings, review them, make snapshots."""
