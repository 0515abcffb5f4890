"""Known vulnerabilities of all pinned packages: `python -m checks.advisories [--record]`.

pip-audit asks PyPI's advisories. Where they cannot be asked, this says so and checks only that each pin stands in
requirements/advisories.json, which tells when advisories were last asked about it. Exit codes: 0 nothing against the
pins, 1 something is, 2 wrong usage.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checks.pins import UnreadableLine, compiled_files, read_pins
from checks.tools import ROOT, ToolMissing, tool

RECORD = ROOT / "requirements" / "advisories.json"
# CVE-2024-35195. A mirror of PyPI that has no advisories answers as if nothing were vulnerable, and pip-audit then
# reports success; who knows nothing of this release is not asked about others.
VULNERABLE = "requests==2.31.0"
_SERVICE_SECONDS = "15"

Findings = Mapping[str, Sequence[str]]
"""Ids of advisories by pin; a pin without any has an empty list."""


class ServiceSilent(Exception):  # noqa: N818 -- reads as what happened
    """The advisories cannot be asked from here."""


@dataclass(frozen=True)
class Record:
    """`asked_on`: the day (YYYY-MM-DD) when advisories were last asked about each pin; None is never."""

    asked_on: Mapping[str, str | None]
    accepted: Sequence[Mapping[str, str]]
    """Advisories that do not concern this project: pin, id, reason."""

    @classmethod
    def read(cls, path: Path) -> "Record":
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        content = {"accepted": list(self.accepted), "asked_on": dict(sorted(self.asked_on.items()))}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        pins = read_pins(compiled_files())
        return check(pins, RECORD, lambda asked: fetch_findings(asked, _pip_audit), record=options.record)
    except (UnreadableLine, ToolMissing) as error:
        print(error, file=sys.stderr)
        return 1


def check(pins: Sequence[str], path: Path, fetch: Callable[[Sequence[str]], Findings], *, record: bool) -> int:
    known = Record.read(path)
    try:
        findings, silence = fetch(pins), None
    except ServiceSilent as error:
        findings, silence = {}, str(error)
    if record:
        known = _updated(known, pins, findings)
        known.write(path)
    problems = [*_unlisted(known, pins, path), *_unaccepted(known, findings)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(_summary(known, pins, silence))
    return 1 if problems else 0


def fetch_findings(pins: Sequence[str], ask: Callable[[Sequence[str]], Any]) -> Findings:
    """What the advisories say about each pin. Raises ServiceSilent."""
    if not _read_answer(ask([VULNERABLE])).get(VULNERABLE):
        raise ServiceSilent(f"it does not know of {VULNERABLE}'s vulnerability")
    findings: dict[str, Sequence[str]] = {}
    for versions in _rounds(pins):
        findings |= _read_answer(ask(versions))
    if missing := [pin for pin in pins if pin not in findings]:
        raise ServiceSilent(f"it does not know of {', '.join(missing)}")
    return findings


def _rounds(pins: Sequence[str]) -> Iterator[Sequence[str]]:
    """pip-audit takes one version of a package at a time."""
    rounds: defaultdict[int, list[str]] = defaultdict(list)
    seen: defaultdict[str, int] = defaultdict(int)
    for pin in pins:
        name = pin.partition("==")[0]
        rounds[seen[name]].append(pin)
        seen[name] += 1
    return iter(rounds.values())


def _read_answer(answer: Any) -> dict[str, Sequence[str]]:
    """pip-audit's JSON. A package that it skipped is left out."""
    return {
        f"{dependency['name']}=={dependency['version']}": [found["id"] for found in dependency["vulns"]]
        for dependency in answer["dependencies"]
        if "skip_reason" not in dependency
    }


def _pip_audit(pins: Sequence[str]) -> Any:
    """Raises ServiceSilent when it has no answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
        command = [str(tool("pip-audit")), *options, "--timeout", _SERVICE_SECONDS, "--requirement", file.name]
        done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 -- our own command
    try:
        return json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ServiceSilent(f"pip-audit ended with {done.returncode}: {last.partition(':')[0]}") from None


def _updated(known: Record, pins: Sequence[str], findings: Findings) -> Record:
    """Today's date for what was asked today; pins that are gone are dropped, excuses for them too."""
    today = datetime.now(UTC).date().isoformat()
    asked_on = {pin: today if pin in findings else known.asked_on.get(pin) for pin in pins}
    return Record(asked_on, [entry for entry in known.accepted if entry["pin"] in asked_on])


def _unlisted(known: Record, pins: Sequence[str], path: Path) -> Iterator[str]:
    what_to_do = "look at the release, then run `python -m checks.advisories --record`"
    for pin in sorted(set(pins) - known.asked_on.keys()):
        yield f"{pin} is pinned but not in {path.name}: {what_to_do}"
    for pin in sorted(known.asked_on.keys() - set(pins)):
        yield f"{pin} is in {path.name} but pinned no more: run `python -m checks.advisories --record`"


def _unaccepted(known: Record, findings: Findings) -> Iterator[str]:
    accepted = {(entry["pin"], entry["id"]) for entry in known.accepted}
    for pin, ids in findings.items():
        for advisory in ids:
            if (pin, advisory) not in accepted:
                yield f"{pin} has the known vulnerability {advisory}: pin another version, or accept it with a reason"
    for pin, advisory in sorted(accepted):
        if pin in findings and advisory not in findings[pin]:
            yield f"{pin} is excused from {advisory}, which it does not have: take the entry out"


def _summary(known: Record, pins: Sequence[str], silence: str | None) -> str:
    if silence is None:
        return f"{len(pins)} pins: advisories were asked today"
    days = [known.asked_on.get(pin) for pin in pins]
    asked = [day for day in days if day]
    when = f"{len(asked)} were last asked about between {min(asked)} and {max(asked)}" if asked else "none ever was"
    return (
        f"{len(pins)} pins: advisories were NOT asked today ({silence}). Of the pins {when}, {days.count(None)} never"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m checks.advisories", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--record", action="store_true", help="write what is pinned, and was asked today, into the record"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
