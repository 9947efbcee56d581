"""Acting: runs what the engine says is due, off the step path, and within limits."""
