"""The dashboard with ten years of plays: `python -m benchmarks.dashboard`. May import localcloud and tests."""
