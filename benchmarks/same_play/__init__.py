"""How well load pairs what API and export both report: `python -m benchmarks.same_play`.

May import cli and localcloud.
"""
