"""What `terraform apply` left behind: its output `settings`, which goes by the names of the environment."""

import json
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "terraform"

_TIMEOUT_SECONDS = 60


def read(folder: Path = FOLDER) -> dict[str, str]:
    """None where Terraform is missing or nothing was applied from here."""
    command = ["terraform", f"-chdir={folder}", "output", "-json", "-no-color", "settings"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True)  # noqa: S603 -- fixed
        settings = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return {str(name): str(value) for name, value in settings.items()} if isinstance(settings, dict) else {}
