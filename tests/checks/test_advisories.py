"""Known vulnerabilities: what pip-audit finds fails, and no answer from it fails too."""

import pytest

from checks import advisories
from checks.tools import compiled_files

PIP_AUDIT = """#!/bin/sh
file=$(printf '%s' "$*" | sed 's/.*--requirement //')
case "$(cat "$file")" in
  requests==2.31.0*) [ "$REACHABLE" = yes ] && { echo 'requests 2.31.0 GHSA-9wx4-h78v-vm56'; exit 1; };;
  *"$VULNERABLE"*) echo "$VULNERABLE PYSEC-2026-1"; exit 1;;
esac
echo 'No known vulnerabilities found' >&2
"""


@pytest.fixture
def pip_audit(tmp_path, monkeypatch):
    """A program in its place that knows what the environment says."""
    program = tmp_path / "pip-audit"
    program.write_text(PIP_AUDIT)
    program.chmod(0o700)
    monkeypatch.setattr(advisories, "tool", lambda name: tmp_path / name)
    monkeypatch.setenv("REACHABLE", "yes")
    monkeypatch.setenv("VULNERABLE", "nothing at all")
    return monkeypatch.setenv


def test_every_compiled_file_is_asked_about(pip_audit, capsys):
    assert advisories.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(compiled_files())
    assert all(
        line.endswith("requirements.txt: No known vulnerabilities found") for line in lines if "functions" in line
    )


def test_a_vulnerable_pin_fails_and_is_named(pip_audit, capsys):
    pip_audit("VULNERABLE", "gunicorn==")
    assert advisories.main() == 1
    assert "functions/load/requirements.txt: gunicorn== PYSEC-2026-1" in capsys.readouterr().out


def test_where_a_well_known_vulnerability_is_not_found_nothing_is_said_to_be_checked(pip_audit, capsys):
    pip_audit("REACHABLE", "no")
    pip_audit("VULNERABLE", "gunicorn==")
    assert advisories.main() == 0
    assert capsys.readouterr().out == "NOT checked: PyPI's advisories are not reachable from here\n"
