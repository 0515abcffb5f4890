"""Known vulnerabilities: what is found, what is accepted, and that nobody takes silence for good news."""

import json
from datetime import UTC, datetime

import pytest

from checks.advisories import RECORD, VULNERABLE, Record, ServiceSilent, check, fetch_findings
from checks.pins import compiled_files, read_pins

TODAY = datetime.now(UTC).date().isoformat()
PINS = ["numpy==2.3.5", "numpy==2.4.6", "requests==2.34.2"]


class Advisories:
    """Answers as pip-audit's JSON does. `vulnerable`: ids by pin; `unknown`: pins that it skips."""

    def __init__(self, vulnerable=None, unknown=()):
        self.vulnerable = {VULNERABLE: ["GHSA-9wx4-h78v-vm56"]} | (vulnerable or {})
        self.unknown, self.asked = unknown, []

    def __call__(self, pins):
        self.asked.append(list(pins))
        names = [pin.partition("==")[0] for pin in pins]
        assert len(names) == len(set(names)), "pip-audit refuses two versions of a package"
        return {"dependencies": [self._entry(*pin.split("==")) for pin in pins], "fixes": []}

    def _entry(self, name, version):
        pin = f"{name}=={version}"
        if pin in self.unknown:
            reason = f"Dependency not found on PyPI and could not be audited: {name} ({version})"
            return {"name": name, "skip_reason": reason}
        vulns = [{"id": found, "fix_versions": [], "aliases": []} for found in self.vulnerable.get(pin, [])]
        return {"name": name, "version": version, "vulns": vulns}


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "advisories.json"
    Record(dict.fromkeys(PINS, "2026-11-01"), []).write(path)
    return path


def run(path, advisories, pins=PINS, *, record=False):
    return check(pins, path, lambda asked: fetch_findings(asked, advisories), record=record)


def test_every_pin_is_asked_about_after_one_that_is_known_to_be_vulnerable(record, capsys):
    advisories = Advisories()
    assert run(record, advisories) == 0
    assert advisories.asked == [[VULNERABLE], ["numpy==2.3.5", "requests==2.34.2"], ["numpy==2.4.6"]]
    assert capsys.readouterr().out == "3 pins: advisories were asked today\n"


def test_a_vulnerable_pin_fails_until_another_is_pinned_or_it_is_accepted_with_a_reason(record, capsys):
    advisories = Advisories({"numpy==2.4.6": ["PYSEC-2026-1"]})
    assert run(record, advisories) == 1
    assert "numpy==2.4.6 has the known vulnerability PYSEC-2026-1" in capsys.readouterr().err
    accepted = [{"pin": "numpy==2.4.6", "id": "PYSEC-2026-1", "reason": "the function is not called"}]
    Record(dict.fromkeys(PINS, None), accepted).write(record)
    assert run(record, advisories) == 0
    capsys.readouterr()
    assert run(record, Advisories()) == 1
    assert "numpy==2.4.6 is excused from PYSEC-2026-1, which it does not have" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("unknown", "reason"),
    [
        ([VULNERABLE], f"it does not know of {VULNERABLE}'s vulnerability"),
        (["requests==2.34.2"], "it does not know of requests==2.34.2"),
    ],
)
def test_a_mirror_without_advisories_is_not_taken_for_good_news(record, capsys, unknown, reason):
    assert run(record, Advisories(unknown=unknown)) == 0
    assert capsys.readouterr().out == (
        f"3 pins: advisories were NOT asked today ({reason}). "
        "Of the pins 3 were last asked about between 2026-11-01 and 2026-11-01, 0 never\n"
    )


def test_without_advisories_a_pin_that_nobody_has_looked_at_fails(record, capsys):
    def silent(pins):
        raise ServiceSilent("no network")

    assert run(record, silent) == 0
    assert run(record, silent, ["numpy==2.4.6", "requests==2.34.2", "six==1.17.0"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "six==1.17.0 is pinned but not in advisories.json",
        "numpy==2.3.5 is in advisories.json but pinned no more",
    ]


def test_the_record_says_for_each_pin_when_advisories_were_asked(record, capsys):
    def silent(pins):
        raise ServiceSilent("no network")

    now = ["numpy==2.4.6", "six==1.17.0"]
    assert run(record, silent, now, record=True) == 0
    assert json.loads(record.read_text())["asked_on"] == {"numpy==2.4.6": "2026-11-01", "six==1.17.0": None}
    assert capsys.readouterr().out.endswith(
        "Of the pins 1 were last asked about between 2026-11-01 and 2026-11-01, 1 never\n"
    )
    assert run(record, Advisories(), now, record=True) == 0
    assert json.loads(record.read_text())["asked_on"] == dict.fromkeys(now, TODAY)


def test_the_record_holds_this_projects_pins_and_every_excuse_has_a_reason():
    known = Record.read(RECORD)
    assert list(known.asked_on) == read_pins(compiled_files())
    assert all(entry["reason"].strip() and entry.keys() == {"pin", "id", "reason"} for entry in known.accepted)
