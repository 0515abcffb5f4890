"""A household's year through load: `python -m benchmarks.load`.

May import localcloud, tests and benchmarks.dashboard.
"""
