"""What benchmarks share: their options, and how figures are printed."""

import argparse
import platform
from collections.abc import Sequence
from statistics import median

import psutil

from localcloud.processes import call_directly


def options_of(benchmark: str, doc: str | None) -> argparse.ArgumentParser:
    """How each benchmark begins: the parser of its options, whose --help shows its docstring as it is written.

    From then on the laptop cloud is called directly.
    """
    call_directly()
    as_written = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{benchmark}", description=doc, formatter_class=as_written
    )


def introduce(doc: str | None) -> None:
    """Prints the benchmark's own text, which says question, rivals and data, and what it is measured on."""
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB, {platform.system()}"
    print(f"{doc}\n{machine}, Python {platform.python_version()}\n", flush=True)


def spread(values: Sequence[float], digits: int = 1, unit: str = "") -> str:
    """The median of several rounds, the least and the most of them."""
    middle, least, most = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle}{unit} ({least} to {most})"


def against_limit(name: str, value: float, limit: float, unit: str, more: str = "") -> None:
    against_rival(name, value, "limit", limit, unit, f"{'ok' if value <= limit else 'OVER'} {more}")


def against_rival(name: str, value: float, rival: str, rival_value: float, unit: str, more: str = "") -> None:
    ratio = value / rival_value
    line = f"  {name:40} {_text(value):>10} {unit:5}  {ratio:5.2f} × {rival} ({_text(rival_value)} {unit})  {more}"
    print(line.rstrip(), flush=True)


def _text(value: float) -> str:
    return f"{value:,.2f}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"
