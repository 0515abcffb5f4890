"""Calls, bytes and seconds of one run, hop by hop, and the bytes that its MERGE reads: `python -m benchmarks.run`.

Question: how do a run's calls, bytes and seconds grow with the number of listeners, when Spotify takes 100 ms for each
answer, and do the bytes that the MERGE reads grow with what is stored? The real functions run in processes of their own
against the laptop cloud: ingest collects each listener's newest plays, all of them new, load merges the file,
transform_trigger submits a batch, which is not run. A second run seconds later finds hardly anything new.
Rivals: the same run with fewer listeners, and the same MERGE with less stored. Seconds are medians of
several rounds (least to most).
Google's services answer at once here; a call in the cloud takes 20 to 200 ms, and a query or load job seconds.
Exit codes: 0 measured, whatever the figures, 2 wrong usage.
"""

import io
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.csv

from benchmarks.dashboard.billed import MEGABYTE, column_bytes
from benchmarks.dashboard.plays import listed, plays
from benchmarks.figures import introduce, options_of, spread
from benchmarks.function_process import served_function
from benchmarks.loading import world as load_world
from benchmarks.run.world import world
from localcloud.gcp.eventarc.cloud_events import MESSAGE_PUBLISHED
from localcloud.gcp.eventarc.eventarc import to_url
from localcloud.web import Request, Response, Routes
from tests.seed import rows_of, seed

HEADS = [
    "listeners",
    "run",
    "Spotify's calls",
    "ingest: s",
    "calls",
    "MB",
    "file: MB",
    "load: s",
    "calls ",
    "MB ",
    "trigger: s",
]
_HOUR = timedelta(hours=1)
_PLAYS_PER_YEAR = 11_500
_HOUSEHOLD = 5


@dataclass
class Hop:
    """Calls to Google's services with the bytes of requests and answers, and seconds."""

    calls: int = 0
    body_bytes: int = 0
    seconds: float = 0.0


class Counted(Routes):
    """The routes of a service, counting into `hop`."""

    def __init__(self, routes: Routes, hops: "Hops") -> None:
        super().__init__()
        self.extend(routes)
        self._hops = hops

    def answer(self, request: Request) -> Response:
        self._hops.now.calls += 1  # also where the answer is an error
        self._hops.now.body_bytes += len(request.body)
        response = super().answer(request)
        self._hops.now.body_bytes += len(response.body)
        return response


@dataclass
class Hops:
    now: Hop = field(default_factory=Hop)

    @contextmanager
    def measured(self) -> Iterator[Hop]:
        """What happens inside belongs to this hop and to no other."""
        outer, hop, began = self.now, Hop(), time.perf_counter()
        self.now = hop
        yield hop
        hop.seconds, self.now = time.perf_counter() - began, outer
        outer.seconds -= hop.seconds


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("run", __doc__)
    parser.add_argument("--listeners", type=int, action="append", help="how many; may be repeated (1, 5, 100)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (%(default)s)")
    parser.add_argument("--answer-seconds", type=float, default=0.1, help="what Spotify takes (%(default)s)")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # google-auth warns of what is meant to be so here
    introduce(__doc__)
    print(f"Medians of {options.rounds} rounds (least to most); Spotify answers after {options.answer_seconds:g} s\n")
    print(f"| {' | '.join(HEADS)} |")
    print("| --- " * len(HEADS) + "|")
    for listeners in options.listeners or [1, 5, 100]:
        rounds = [[*runs(listeners, options.answer_seconds)] for _ in range(options.rounds)]
        for of_run in zip(*rounds, strict=True):
            print("|", " | ".join(map(_together, zip(*of_run, strict=True))), "|", flush=True)
    print("\n| stored | plays stored | plays that the MERGE reads | MB of them | MB of `tracks` that it reads |")
    print("| --- | --- | --- | --- | --- |")
    for name, years in (("a month", 1 / 12), ("a year", 1), ("ten years", 10)):
        print(f"| {name} | {' | '.join(merged(years))} |", flush=True)
    return 0


def runs(listeners: int, answer_seconds: float) -> Iterator[list[str]]:
    """One row for a run that finds every play new, one for a run that finds none."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with (
        tempfile.TemporaryDirectory() as directory,
        world(Path(directory), listeners, answer_seconds) as there,
        served_function("transform_trigger", there.cloud.environment, Path(directory) / "logs") as trigger,
    ):
        hops, submitted = Hops(), Hop()

        def deliver(headers: dict[str, str], body: bytes) -> int:
            nonlocal submitted
            with hops.measured() as submitted:
                return to_url(trigger.url)(headers, body)

        there.cloud.server.routes = Counted(there.cloud.server.routes, hops)
        there.cloud.subscribe(MESSAGE_PUBLISHED, deliver, there.cloud.environment["PLAYS_LOADED_TOPIC"])
        for slot, what in ((now - _HOUR, "all new"), (now, "seconds later")):
            there.routes.calls = 0
            with hops.measured() as ingest:
                there.run(slot)
            with hops.measured() as load:
                there.deliver()
            for batch_id in there.cloud.dataproc.active():  # else the next run's message waits for it
                there.cloud.dataproc.finish(batch_id, "SUCCEEDED")
            storage, bucket = there.cloud.storage, there.cloud.environment["LANDING_BUCKET"]
            names = [name for name in storage.names(bucket) if name.endswith(f"/{slot:%Y%m%dT%H%M%SZ}.csv")]
            landed = sum(len(storage.read(bucket, name)) for name in names)
            cells = [f"{listeners:,}", what, f"{there.routes.calls:,}"]
            after = [*_cells(load), f"{submitted.seconds:.1f}"] if landed else ["–"] * 4
            yield [*cells, *_cells(ingest), f"{landed / 1e6:.2f}", *after]


def _together(of_rounds: Sequence[str]) -> str:
    """One cell of several rounds: what is the same in all that have it, else median, least and most."""
    known = [cell for cell in of_rounds if cell != "–"] or ["–"]
    if len(set(known)) == 1:
        return known[0]
    return spread([float(cell.replace(",", "")) for cell in known], digits=len(known[0].partition(".")[2]))


def _cells(hop: Hop) -> list[str]:
    return [f"{hop.seconds:.1f}", f"{hop.calls:,}", f"{hop.body_bytes / 1e6:.2f}"]


def merged(years: float) -> list[str]:
    """How many of a household's stored plays lie between the bounds of one file's MERGE, and their bytes."""
    lives = [_life(years, number) for number in range(_HOUSEHOLD)]
    stored, newest = pd.concat(lives, ignore_index=True), lives[0]["played_at"].max()
    with tempfile.TemporaryDirectory() as directory, load_world(Path(directory)) as there:
        seed(there.cloud, "plays", stored)
        seed(there.cloud, "tracks", tracks := pd.concat(map(listed, lives), ignore_index=True))
        slot = (newest + _HOUR).floor("h").to_pydatetime()
        new = stored.tail(20).assign(played_at=newest + pd.to_timedelta(range(1, 21), unit="min"))
        there.land(_csv_of(new.assign(run_id=f"{slot:%Y%m%dT%H%M%SZ}", ingested_at=slot)), slot)
        [merge] = [settings for sql, settings in there.cloud.bigquery.statements.items() if ".plays` AS plays" in sql]
    bounds = {each["name"]: each["parameterValue"]["value"] for each in merge["queryParameters"]}
    oldest, newest = pd.Timestamp(bounds["oldest"]), pd.Timestamp(bounds["newest"])
    read = stored[stored["played_at"].between(oldest, newest)]
    of_plays = sum(column_bytes(read[name]) for name in read.columns)
    of_tracks = sum(column_bytes(tracks[name]) for name in ("listener_id", "track_id", "isrc"))
    return [f"{len(stored):,}", f"{len(read):,}", f"{of_plays / MEGABYTE:.2f}", f"{of_tracks / MEGABYTE:.2f}"]


def _csv_of(rows: pd.DataFrame) -> bytes:
    """The file as ingest would land it, written by other means: text in quotes, NULL as nothing."""
    target = io.BytesIO()
    pyarrow.csv.write_csv(rows_of("plays", rows), target)
    return target.getvalue()


def _life(years: float, number: int) -> pd.DataFrame:
    """One listener's newest plays of so many years, at the same pace whatever the years."""
    rows = plays(10 * _PLAYS_PER_YEAR, number).assign(listener_id=f"listener-{number}", run_id="seed")
    since = rows["played_at"].max() - pd.Timedelta(days=365.25 * years)
    return rows[rows["played_at"] > since].assign(ingested_at=rows["played_at"])


if __name__ == "__main__":
    sys.exit(main())
