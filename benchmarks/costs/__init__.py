"""What a month costs at list prices: `python -m benchmarks.costs`. May import cli and localcloud.terminal."""
