"""Everything that this project installs from PyPI: the pins of the compiled requirements, read line by line."""

import re
from collections.abc import Sequence
from pathlib import Path

from checks.tools import ROOT

_PIN = re.compile(r"(?P<name>[a-z0-9-]+)(?:\[[a-z0-9, -]+\])?==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\")
_HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?")


class UnreadableLine(Exception):
    """A line of compiled requirements that is neither a pin nor a hash nor a comment."""


def compiled_files() -> list[Path]:
    """Every compiled requirements file: one beside each requirements.in, and those of requirements/."""
    sources = [*ROOT.glob("functions/*/requirements.in"), ROOT / "dashboard/requirements.in"]
    sources += ROOT.glob("requirements/*.in")
    return sorted(source.with_suffix(".txt") for source in sources)


def read_pins(files: Sequence[Path]) -> list[str]:
    """NAME==VERSION of all of them, each once, sorted. Raises UnreadableLine, also for a pin without a hash."""
    pins = set()
    for path in files:
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            pin = _PIN.fullmatch(line)
            if pin and _HASH.fullmatch(following):
                pins.add(f"{pin['name']}=={pin['version']}")
            elif not _HASH.fullmatch(line):
                raise UnreadableLine(f"{path.relative_to(ROOT)}: {line!r} lacks hashes. Run `make requirements`.")
    return sorted(pins)
