"""How long `cli import` takes for a long history, and how much memory: `python -m benchmarks.imports`.

Question: how long does an import take, how much memory, and how much of it is reading the files?
A package as Spotify sends it, of files of 16,000 rows, is given to the command as a process of its own beside a laptop
cloud: a dry run, and an import of fewer rows up to the last merged file, with the real function load. Rivals read the
same package: Python's json into a list of dicts, and DuckDB's read_json into a table. Each runs in a process, one after
the other. Exit codes: 0 measured, 1 the command failed, 2 wrong usage.
"""

import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import introduce, options_of, spread
from benchmarks.imports.rivals import RIVALS
from benchmarks.loading import World, world
from localcloud import ledger
from localcloud.gcp.eventarc.cloud_events import MESSAGE_PUBLISHED
from localcloud.gcp.set_up import ROOT

_ROWS_PER_FILE = 16_000
_TRACKS = 50_000
_YEARS = 15
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LIMIT_SECONDS, _LIMIT_MIB = 60, 400
# Runs a command and prints its processor seconds and most memory. A process of its own: Linux counts to a command the
# memory of the process that starts it, and this one holds a laptop cloud.
_APART = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """`mib`: the most memory that the process had, with everything that it had loaded."""

    seconds: float
    cpu_seconds: float
    mib: float


def write_history(path: Path, rows: int) -> None:
    """A zip with every column that real files have; tracks by Zipf's law, one row in six too short to count."""
    rng = random.Random(1)  # noqa: S311 -- not a secret
    ids = ["".join(rng.choices(_BASE62, k=22)) for _ in range(_TRACKS)]
    chosen = rng.choices(range(_TRACKS), [(number + 1) ** -0.8 for number in range(_TRACKS)], k=rows)
    began_at, step = datetime(2011, 1, 1, tzinfo=UTC), timedelta(days=365 * _YEARS) / rows
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, start in enumerate(range(0, rows, _ROWS_PER_FILE)):
            part = [
                _row(rng, ids[track], track, began_at + step * (start + place))
                for place, track in enumerate(chosen[start : start + _ROWS_PER_FILE])
            ]
            archive.writestr(f"MyData/Streaming_History_Audio_{2011 + number // 9}_{number}.json", json.dumps(part))


def _row(rng: random.Random, track_id: str, track: int, began_at: datetime) -> dict[str, Any]:
    ms_played = rng.randrange(500, 30_000) if rng.random() < 1 / 6 else rng.randrange(30_000, 230_000)
    return {
        "ts": f"{began_at + timedelta(milliseconds=ms_played):%Y-%m-%dT%H:%M:%SZ}",
        **{"platform": "Android OS 13 API 33 (maker, MODEL-0001)", "ms_played": ms_played, "conn_country": "DE"},
        **{"ip_addr": "192.0.2.17", "master_metadata_track_name": f"Track number {track}"},
        **{"master_metadata_album_artist_name": f"Artist {track % 3000}"},
        **{
            "master_metadata_album_album_name": f"Album {track % 9000}",
            "spotify_track_uri": f"spotify:track:{track_id}",
        },
        **dict.fromkeys(["episode_name", "episode_show_name", "spotify_episode_uri", "audiobook_title"]),
        **dict.fromkeys(["audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title"]),
        **{"reason_start": "trackdone", "reason_end": "trackdone", "shuffle": False, "skipped": False},
        **{"offline": False, "offline_timestamp": int(began_at.timestamp()), "incognito_mode": False},
    }


def measured(command: list[str], settings: Mapping[str, str]) -> Cost:
    began = time.perf_counter()
    apart, environment = [sys.executable, "-c", _APART, *command], {**os.environ, **settings}
    process = subprocess.run(apart, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    cpu_seconds, kib = map(float, process.stdout.split())
    return Cost(time.perf_counter() - began, cpu_seconds, kib / 1024)


@contextmanager
def _delivering(there: World) -> Iterator[None]:
    """Events reach load as they come; of the message that follows, the ledger says that a batch is young enough."""

    def record(headers: Mapping[str, str], body: bytes) -> int:
        message = json.loads(base64.b64decode(json.loads(body)["message"]["data"]))
        run_id, slot = message["run_id"], f"TIMESTAMP '{message['slot']}'"
        sql = (
            "INSERT INTO `{dataset}.runs` (run_id, slot, step, state, started_at, finished_at) "  # noqa: S608 -- our own
            f"VALUES ('{run_id}', {slot}, 'transform', 'skipped', {slot}, {slot})"
        )
        ledger.read(there.cloud.environment, sql)
        return 200

    def deliver() -> None:
        while not done.wait(0.05):
            there.cloud.deliver_pending()

    done, thread = threading.Event(), threading.Thread(target=deliver)
    there.cloud.subscribe(MESSAGE_PUBLISHED, record)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("imports", __doc__)
    parser.add_argument("--rows", type=int, default=500_000, help="of the dry run (%(default)s)")
    parser.add_argument("--stored", type=int, default=100_000, help="of the import that is stored (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (%(default)s)")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for the import that is stored (%(default)s)")
    options = parser.parse_args(arguments)
    introduce(__doc__)
    dry_run, stored = f"{options.rows:,} rows, dry run", f"{options.stored:,} rows stored"
    costs: dict[str, list[Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory, world(Path(directory) / "cloud") as there:
        package, smaller = Path(directory) / "history.zip", Path(directory) / "smaller.zip"
        write_history(package, options.rows)
        write_history(smaller, options.stored)
        for number in range(options.rounds):
            command = [sys.executable, "-m", "cli", "import", f"listener-{number}", "--new-listener"]
            costs[dry_run].append(measured([*command, str(package), "--dry-run"], there.cloud.environment))
            for name in RIVALS:
                reading = [sys.executable, "-m", "benchmarks.imports.rivals", name, str(package)]
                costs[f"{options.rows:,} rows, read with {name}"].append(measured(reading, {}))
            with _delivering(there):
                storing = [*command, str(smaller), "--timeout", str(options.timeout)]
                costs[stored].append(measured(storing, there.cloud.environment))
    print(f"Medians of {options.rounds} rounds (least to most); goals: {_LIMIT_SECONDS} s, {_LIMIT_MIB} MiB\n")
    print("| | seconds | processor | × the dry run | memory | × the dry run |\n| --- | --- | --- | --- | --- | --- |")
    for name, of_rounds in costs.items():
        seconds = spread([cost.seconds for cost in of_rounds])
        cpu_seconds, cpu_ratio = _against(costs[dry_run], of_rounds, "cpu_seconds", 1)
        mib, mib_ratio = _against(costs[dry_run], of_rounds, "mib", 0)
        print(f"| {name} | {seconds} | {cpu_seconds} | {cpu_ratio} | {mib} MiB | {mib_ratio} |")
    return 0


def _against(dry_runs: Sequence[Cost], costs: Sequence[Cost], figure: str, digits: int) -> tuple[str, str]:
    """A figure's spread, and its median as a ratio to the dry run's."""
    of_dry_run, of_these = ([getattr(cost, figure) for cost in each] for each in (dry_runs, costs))
    return spread(of_these, digits), f"{median(of_these) / median(of_dry_run):.2f}"


if __name__ == "__main__":
    sys.exit(main())
