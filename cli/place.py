"""Where a command acts: the owner's Google Cloud project, or a laptop cloud that runs on this computer."""

import argparse
import json
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.console import CliError, Misused
from localcloud import supervisor
from localcloud.supervisor import RunningCloud

TERRAFORM = Path(__file__).parents[1] / "terraform"
DEFAULT_LAPTOP = Path(".localcloud")
ACCOUNTS_URL, API_URL = "https://accounts.spotify.com", "https://api.spotify.com"
_APPLIED = ("GOOGLE_CLOUD_PROJECT", "LOCATION", "DATASET", "STAGING_DATASET", "LANDING_BUCKET", "QUARANTINE_BUCKET")
_TERRAFORM_SECONDS = 60
_CLOUD_POLL_SECONDS, _LAPTOP_POLL_SECONDS = 5.0, 0.5


@dataclass(frozen=True)
class Place:
    """The project or laptop cloud that a command acts on.

    `settings`: every setting that is known, with the endpoints of stand-ins where there are some. `where`: the options
    that were given, for another command.
    """

    project: str
    region: str
    settings: Mapping[str, str]
    laptop: RunningCloud | None = None
    where: str = ""

    @property
    def dataset(self) -> str:
        return self.settings.get("DATASET") or "listening"

    @property
    def staging_dataset(self) -> str:
        return self.settings.get("STAGING_DATASET") or "listening_staging"

    @property
    def spotify_accounts_url(self) -> str:
        return (self.settings.get("SPOTIFY_ACCOUNTS_URL") or ACCOUNTS_URL).rstrip("/")

    @property
    def spotify_api_url(self) -> str:
        return (self.settings.get("SPOTIFY_API_URL") or API_URL).rstrip("/")

    @property
    def poll_seconds(self) -> float:
        """How long to wait before the ledger or Dataproc is read again."""
        return _LAPTOP_POLL_SECONDS if self.laptop else _CLOUD_POLL_SECONDS

    def endpoint(self, name: str) -> str | None:
        """A stand-in's address; None: Google's own."""
        return self.settings.get(name) or None

    def now(self) -> datetime:
        """The time there, which a laptop cloud may simulate."""
        return self.laptop.clock.now() if self.laptop else datetime.now(UTC)

    def command(self, rest: str) -> str:
        """Another command at the same place, in backticks, as every message writes commands."""
        return f"`python -m cli {rest}{self.where}`"


def add_options(parser: argparse.ArgumentParser, without: str) -> None:
    """The options that `chosen` reads; `without` says what holds when none of them is given."""
    where = parser.add_argument_group("where", without)
    where.add_argument(
        "--laptop",
        nargs="?",
        type=Path,
        const=DEFAULT_LAPTOP,
        metavar="DIR",
        help=f"the laptop cloud that runs on this directory ({DEFAULT_LAPTOP} when left out)",
    )
    where.add_argument("--project", help="Google Cloud project (GOOGLE_CLOUD_PROJECT)")
    where.add_argument("--region", help="its region, such as us-central1 (LOCATION)")


def terraform_outputs(folder: Path = TERRAFORM) -> dict[str, str]:
    """What `terraform apply` left behind: its output `settings`, which goes by the names of the environment.

    Empty where Terraform is missing or nothing was applied from here.
    """
    command = ["terraform", f"-chdir={folder}", "output", "-json", "-no-color", "settings"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TERRAFORM_SECONDS, check=True)  # noqa: S603 -- our own command
        settings = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return {str(name): str(value) for name, value in settings.items()} if isinstance(settings, dict) else {}


def chosen(options: argparse.Namespace, environ: Mapping[str, str]) -> Place:
    if options.laptop is None:
        return in_cloud(options.project, options.region, environ)
    if options.project or options.region:
        raise Misused("--laptop has its own project and region: leave out --project and --region")
    return on_laptop(options.laptop)


def on_laptop(directory: Path) -> Place:
    try:
        laptop = supervisor.attach(directory)
    except supervisor.NotRunning as error:
        raise CliError(str(error)) from None
    where = f" --laptop {shlex.quote(str(laptop.directory))}"
    return Place(laptop.settings["GOOGLE_CLOUD_PROJECT"], laptop.settings["LOCATION"], laptop.settings, laptop, where)


def in_cloud(
    project: str | None,
    region: str | None,
    environ: Mapping[str, str],
    read_outputs: Callable[[], Mapping[str, str]] = terraform_outputs,
) -> Place:
    """What was typed counts most, then the environment, then what Terraform applied.

    Settings of another project than the wanted one say nothing about it: its buckets may be the other's.
    """
    typed = {"GOOGLE_CLOUD_PROJECT": project, "LOCATION": region}
    given = {name: value for name, value in typed.items() if value is not None}
    others = _APPLIED if project and environ.get("GOOGLE_CLOUD_PROJECT") not in (None, "", project) else ()
    around = {name: value for name, value in environ.items() if name not in others}
    known = {name: value for name, value in {**around, **given}.items() if value}
    if not all(known.get(name) for name in _APPLIED):
        outputs, wanted = read_outputs(), known.get("GOOGLE_CLOUD_PROJECT")
        if not wanted or outputs.get("GOOGLE_CLOUD_PROJECT") == wanted:
            known = {**outputs, **known}
    options = {"--project": project, "--region": region}
    return Place(
        _required(known, "GOOGLE_CLOUD_PROJECT", "Google Cloud project", "--project PROJECT"),
        _required(known, "LOCATION", "region", "--region REGION"),
        known,
        where="".join(f" {option} {shlex.quote(value)}" for option, value in options.items() if value),
    )


def _required(settings: Mapping[str, str], name: str, what: str, option: str) -> str:
    if not settings.get(name):
        raise Misused(
            f"Which {what}? Give {option}, or set {name}, or run `make deploy`, whose outputs are read. "
            "For the cloud on this laptop, add --laptop."
        )
    return settings[name]
