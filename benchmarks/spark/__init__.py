"""The Spark job against what people would use instead: `python -m benchmarks.spark`. May import localcloud.spark."""
