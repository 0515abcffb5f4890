"""Cold start and memory of the functions: `python -m benchmarks.cold_start`. May import localcloud."""
