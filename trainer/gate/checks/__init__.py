"""What a candidate is asked to show, one check a file. All are pure."""
