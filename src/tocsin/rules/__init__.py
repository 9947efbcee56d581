"""Judging: what is bad, by how much, and since when."""
