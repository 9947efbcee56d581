"""The journal at work in a system, and what stands in its place where there is none."""
