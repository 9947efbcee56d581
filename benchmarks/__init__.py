"""Benchmarks: our figure, the peers' and the floor's, in one run. `python -m benchmarks` lists them."""
