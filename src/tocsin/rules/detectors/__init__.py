"""Detectors: from a series to what is expected of it and how rare what came is, without labelled examples."""
