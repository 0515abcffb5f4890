"""`python -m checks.advisories`: runs pip-audit over every pin of the compiled requirements.

A mirror that serves packages but no advisories makes pip-audit report success without a look. So a release whose
vulnerability is well known is audited first: where that is not found, advisories are not reachable, and that is
printed instead of a result. Exit codes: 0 nothing is known or advisories are not reachable, 1 something is known.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from checks.tools import ROOT, compiled_files, tool

_KNOWN = "requests==2.31.0"
"""CVE-2024-35195: https://github.com/advisories/GHSA-9wx4-h78v-vm56"""


def main() -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(_KNOWN)
        file.flush()
        if "GHSA-9wx4-h78v-vm56" not in _audit(Path(file.name)).stdout:
            print("NOT checked: PyPI's advisories are not reachable from here")
            return 0
    answers = {path: _audit(path) for path in compiled_files()}
    for path, answer in answers.items():
        print(f"{path.relative_to(ROOT)}: {(answer.stdout or answer.stderr).strip()}")
    return int(any(answer.returncode for answer in answers.values()))


def _audit(path: Path) -> "subprocess.CompletedProcess[str]":
    options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "15", "--requirement", str(path)]
    return subprocess.run([tool("pip-audit"), *options], capture_output=True, text=True)  # noqa: S603 -- our own command


if __name__ == "__main__":
    sys.exit(main())
