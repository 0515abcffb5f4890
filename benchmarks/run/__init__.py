"""One run, hop by hop: `python -m benchmarks.run`. May import localcloud, tests and benchmarks.dashboard."""
