"""Frozen values that travel between the rooms. They know nothing of the rooms."""
