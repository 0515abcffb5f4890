"""What would replace a full recount: `python -m benchmarks.scale`. May import benchmarks.spark."""
