"""The memory room of a system: the profiler and the detector at work, and what becomes of their verdicts."""
