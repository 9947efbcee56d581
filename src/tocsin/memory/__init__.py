"""Memory: the sampling heap profiler, and the verdict on what leaks."""
