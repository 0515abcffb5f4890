"""The tools of requirements/checks.txt, in an environment of their own; `make lint` sets it up."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
_BIN = ROOT / ".venvs" / "checks" / "bin"


class ToolMissing(Exception):
    """The environment has not been set up."""


def tool(name: str) -> Path:
    path = _BIN / name
    if not path.exists():
        raise ToolMissing(f"{path} is missing. Run `make lint` once, which sets it up.")
    return path
