"""Sensors: each reads one thing of the host, the process or the runtime, and hands over bare numbers."""
