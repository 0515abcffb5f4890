"""A thousand listeners in one run of ingest: `python -m benchmarks.ingest`. May import localcloud."""
