"""`python -m localcloud`: start the laptop cloud, fire its schedule, run a command against it, print its status."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import requests

from localcloud import dashboard as dashboard_server
from localcloud import ledger, supervisor
from localcloud.gcp import scheduler
from localcloud.processes import Process, ProcessFailed, call_directly, end_on_signals, leave
from localcloud.supervisor import RunningCloud
from localcloud.terminal import instant, plain, spell_out_on_stdout

_DATA = Path(".localcloud")
_SETTLE_SECONDS, _BATCH_SECONDS = 60, 300
_SPOTIFY_SETTINGS = ("SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL")


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 something failed (said on stderr), 2 wrong usage."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (supervisor.NotRunning, supervisor.AlreadyRunning, ProcessFailed, OSError) as error:
        print(plain(str(error)), file=sys.stderr)  # it may end with lines of a log
        return 1


def up(options: argparse.Namespace) -> int:
    """Run until Ctrl-C with an hourly schedule; the data stays."""
    given = [name for name in _SPOTIFY_SETTINGS if os.environ.get(name)]
    if len(given) == 1:  # the other one would lead to the real Spotify, with whatever secrets are stored here
        print(f"Only {given[0]} is set: set both of {' and '.join(_SPOTIFY_SETTINGS)}, or neither.", file=sys.stderr)
        return 2
    simulated = options.spotify == "simulated" and not given
    another = {name: os.environ[name] for name in given}  # attached commands read them, too
    plan = supervisor.Plan(
        options.data,
        simulate_spotify=simulated,
        simulated_from=options.at,
        seed=options.seed,
        settings=another,
    )
    end_on_signals(insisting=True)
    print(f"Starting the laptop cloud on {options.data} …", flush=True)
    try:
        with supervisor.running(plan) as (laptop, started):
            _print_parts(laptop)
            _print_hints(options.data, simulated)
            _run_hourly(laptop, started)
    except KeyboardInterrupt:
        print(f"\nStopped. The data is kept in {options.data}.")
    return 0


def tick(options: argparse.Namespace) -> int:
    """Fire the schedule once and follow the run to its end."""
    laptop = supervisor.attach(options.data)
    response = laptop.tick(options.slot) if options.slot else laptop.run_now()
    return 0 if _follow(laptop, response) else 1


def run(options: argparse.Namespace) -> int:
    """Run a command with the settings that lead to the laptop cloud."""
    command = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not command:
        print("Give the command to run: python -m localcloud run -- COMMAND …", file=sys.stderr)
        return 2
    laptop = supervisor.attach(options.data)
    try:
        os.execvpe(command[0], command, {**os.environ, **laptop.settings})  # noqa: S606 -- what the person typed
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}.", file=sys.stderr)
        return 127  # as shells say it


def dashboard(options: argparse.Namespace) -> int:
    """Serve the dashboard over what the laptop cloud holds, until Ctrl-C."""
    laptop = supervisor.attach(options.data)
    end_on_signals(insisting=True)
    try:
        with dashboard_server.serving(laptop) as server:
            print(f"The dashboard: {server.url} (Ctrl-C stops it). Its log: {server.log_path}", flush=True)
            while True:
                time.sleep(1)
                server.check()
    except KeyboardInterrupt:
        return 0


def status(options: argparse.Namespace) -> int:
    """Print what runs, what is under way and how the last runs went."""
    laptop = supervisor.attach(options.data)
    _print_parts(laptop)
    print("\nUnder way:")
    for name, value in laptop.pending().items():
        print(f"  {name:<22} {value}")
    print("\nThe last runs:")
    _print_ledger(ledger.last_rows(laptop.settings, limit=12))
    return 0


def _run_hourly(laptop: RunningCloud, started: list[Process]) -> None:
    while True:
        slot = scheduler.full_hour(laptop.clock.now())  # of the hours that the laptop slept through, the latest
        _follow(laptop, laptop.tick(slot, scheduler.HOURLY_WAITS))
        following = max(slot + timedelta(hours=1), scheduler.full_hour(laptop.clock.now()))
        print(f"Next run at {following:%H:%M} UTC. Ctrl-C stops everything.", flush=True)
        while laptop.clock.now() < following:
            for process in started:
                process.check()
            time.sleep(1)


def _follow(laptop: RunningCloud, response: requests.Response) -> bool:
    """Whether the run was answered well, every event it caused was delivered, and its batch, if any, succeeded."""
    if not response.ok:
        print(plain(f"ingest answered {response.status_code}: {response.text.strip()[:500]}"), file=sys.stderr)
        print(f"Its log: {laptop.directory / 'logs' / 'ingest.log'}", file=sys.stderr)
        return False
    answer = response.json()
    print(plain(f"{answer['run_id']}  ingest {answer['state']}: {answer['reason']}"), flush=True)
    settled = supervisor.until(lambda: not laptop.undelivered(), _SETTLE_SECONDS)
    supervisor.until(lambda: not laptop.pending()["batches"], _BATCH_SECONDS)
    rows = ledger.rows_of_run(laptop.settings, answer["run_id"])
    _print_ledger(rows)
    if not settled:
        where = laptop.directory / "logs"
        print(f"Some events are not delivered yet: {laptop.pending()}. Logs: {where}", file=sys.stderr)
    # A submitted batch leaves a row of its own; one that ended without is recorded only with the next load.
    states = {row["step"]: row["state"] for row in rows}
    failed = settled and states.get("transform") == "succeeded" and states.get("top_tracks") != "succeeded"
    if failed:
        print(f"The batch did not succeed. Its log is in {laptop.directory / 'batches'}", file=sys.stderr)
    return settled and not failed


def _print_parts(laptop: RunningCloud) -> None:
    for name, address in laptop.addresses.items():
        print(f"  {name:<18} {address:<24} log {laptop.directory / 'logs' / name}.log")


def _print_hints(data: Path, simulated: bool) -> None:
    where = "" if data == _DATA else f" --data {data}"
    if not simulated:
        print("Spotify is not simulated. How to store its secrets: docs/commands.md, “Your own Spotify account”.")
    print(f"Fire the schedule now:  python -m localcloud tick{where}")
    print(f"Use it from a command:  python -m localcloud run{where} -- COMMAND …", flush=True)


def _print_ledger(rows: list[dict[str, object]]) -> None:
    for row in rows:
        print(plain(f"  {row['run_id']}  {row['step']:<10} {row['state']:<9} {row['reason'] or ''}"))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    options = {}
    for function in (up, tick, run, status, dashboard):
        name = function.__name__
        options[name] = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        options[name].add_argument("--data", type=Path, default=_DATA, help="its data directory (%(default)s)")
        options[name].set_defaults(command=function)
    choices = ["simulated", "real"]
    addresses = " and ".join(_SPOTIFY_SETTINGS)
    text = f"which Spotify: the invented one, or Spotify itself (%(default)s); with {addresses} set, those servers"
    options["up"].add_argument("--spotify", choices=choices, default="simulated", help=text)
    options["up"].add_argument("--seed", type=int, default=1, help="which invented listeners (%(default)s)")
    text = "start the clock at this instant, such as 2026-11-22T10:20:00Z, instead of now"
    options["up"].add_argument("--at", type=instant, metavar="INSTANT", help=text)
    text = "a slot of the last two days, such as 2026-11-22T10:00:00Z (default: out of turn, now)"
    options["tick"].add_argument("--slot", type=instant, help=text)
    options["run"].add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run")
    return parser


if __name__ == "__main__":
    spell_out_on_stdout()
    call_directly()
    leave(main())
