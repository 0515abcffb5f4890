"""One run, hop by hop: `python -m benchmarks.run`. May import localcloud, tests, and the worlds of ingest and load."""
