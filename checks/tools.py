"""The tools of requirements/checks.txt, in an environment that `make lint` sets up, and the compiled requirements."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
_BIN = ROOT / ".venvs" / "checks" / "bin"


def tool(name: str) -> Path:
    path = _BIN / name
    if not path.exists():
        raise SystemExit(f"{path} is missing. Run `make lint` once, which sets it up.")
    return path


def compiled_files() -> list[Path]:
    """Every compiled requirements file: one beside each requirements.in, and those of requirements/."""
    sources = [*ROOT.glob("functions/*/requirements.in"), ROOT / "dashboard/requirements.in"]
    sources += ROOT.glob("requirements/*.in")
    return sorted(source.with_suffix(".txt") for source in sources)
