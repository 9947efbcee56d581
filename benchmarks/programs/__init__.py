"""Programs that `python -m benchmarks memory` watches: each has `work(rounds)`, which gives a number to check."""
