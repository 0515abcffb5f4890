"""How long an import takes and how much memory: `python -m benchmarks.imports`. May import cli and localcloud."""
