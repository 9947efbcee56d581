"""Sensors of the interpreter: garbage collection, the GIL, threads, asyncio tasks and descriptors by kind."""
