"""From what a deployment does in a month to what Google charges for it. Pure arithmetic; every quantity is named.

What cannot be read from the ledger is assumed here, on the dear side, with its reason beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.costs import prices
from benchmarks.costs.prices import Price
from cli.commands.check import BATCH

HOURS_PER_MONTH = 730
DAYS_PER_MONTH = HOURS_PER_MONTH / 24

# Dataproc's smallest batch, as functions/transform_trigger/dataproc.py asks for it: a driver and two executors of four
# cores each. 1 vCPU and its memory are 1 DCU here: 3 x 4 = 12. Each has a disk of 250 GB.
BATCH_DCU, BATCH_DISK_GB = BATCH["CPUS"][0], BATCH["DISKS_TOTAL_GB"][0]
# A small job on runtime 2.3, measured by a public project on 2026-09-28: 154 s in RUNNING, billed 0.5069 DCU-hours.
# Waiting for machines is not billed; a minute is the least.
BATCH_SECONDS = 154.0
BATCH_MINIMUM_SECONDS = 60.0
# What surrounds the job in RUNNING, from the same measurement: about 20 s before it and 20 s after it.
BATCH_OVERHEAD_SECONDS = 40.0

# Seconds of one call with a cold start, guessed from the calls it waits for; never measured in the cloud.
INGEST_SECONDS, LOAD_SECONDS, TRIGGER_SECONDS = 10.0, 25.0, 8.0
FUNCTION_GIB = 0.5

# BigQuery bills 10 MB at least for each table that a statement reads. The rows of the ledger are INSERTs of values.
STATEMENT_MB = 10
INGEST_TABLES_READ = 1 + 1 + 1  # runs for its past; plays; runs for files that were never loaded
# What was staged; plays, the staged rows, imports and tracks in the MERGE; plays, tracks for plays stored twice; plays,
# catalogue in ingest's MERGE. Without a provider of audio features, as by default.
LOAD_TABLES_READ = 1 + 4 + 2 + 2
# A visit is dear here: the server slept since the last one, so it reads a listener's plays and tracks anew, and the
# neighbours' with them, as a day's partition is read whole. python -m benchmarks.dashboard prints these figures.
PLAY_BYTES_READ = 81
TRACK_BYTES_READ = 361
TRACKS_PER_PLAY = 0.05
UNLISTED_MB = 10  # what was played since the newest batch
LEDGER_MB = 10  # how the pipeline stands, for every page

PLAY_BYTES = 700  # a row of `plays`, with the names and a cover's address
TAB_GIB, TAB_VCPU = 1.0, 1.0  # the dashboard's instance, paid while a tab is open

# Two kept images per function, three of the dashboard (0.5 GB each unpacked with Python; packed about a third).
IMAGES_GB = 1.5
SCHEDULES = 1
READS_PER_SECRET = 2
WRITES_PER_RUN, WRITES_PER_BATCH = 2, 30
LOG_KIB_PER_RUN, LOG_MIB_PER_BATCH = 20, 5
MESSAGE_KIB = 1  # Pub/Sub counts 1,000 bytes at least


@dataclass(frozen=True)
class Usage:
    """What happens in a month. `stored_plays`: all that lie in the table, not only this month's."""

    listeners: int
    runs: float
    runs_with_plays: float
    batches: float
    stored_plays: float
    batch_seconds: float = BATCH_SECONDS
    open_tab_hours: float = 20
    dashboard_loads: float = 60


# In how many of all hours a run finds new plays. In the demo it is 6 to 23 of 100 for each of its three listeners, and
# 39 for any of them.
SHARE_OF_HOURS = {1: 0.30, 5: 0.65}
PLAYS_PER_LISTENER = 50 * 365 * 3  # three years of two and a half hours of music a day


def assumed(listeners: int, min_interval_hours: int) -> Usage:
    """A month of one or five listeners who listen a lot."""
    share = SHARE_OF_HOURS[listeners]
    return Usage(
        listeners=listeners,
        runs=HOURS_PER_MONTH,
        runs_with_plays=HOURS_PER_MONTH * share,
        batches=batches_per_month(share, min_interval_hours),
        stored_plays=listeners * PLAYS_PER_LISTENER,
    )


@dataclass(frozen=True)
class Line:
    """One line of the bill: so many units of a price, of which some are free."""

    price: Price
    units: float

    @property
    def billed_units(self) -> float:
        return max(0.0, self.units - self.price.free_units)

    @property
    def usd(self) -> float:
        return self.billed_units * self.price.usd


def bill(usage: Usage) -> list[Line]:
    """All lines, the dearest kind first."""
    batch_hours = usage.batches * max(usage.batch_seconds, BATCH_MINIMUM_SECONDS) / 3600
    function_seconds = usage.runs * INGEST_SECONDS + usage.runs_with_plays * (LOAD_SECONDS + TRIGGER_SECONDS)
    tab_seconds = usage.open_tab_hours * 3600
    tables_read = usage.runs * INGEST_TABLES_READ + usage.runs_with_plays * LOAD_TABLES_READ
    query_megabytes = tables_read * STATEMENT_MB + usage.dashboard_loads * visit_megabytes(usage.stored_plays)
    return [
        Line(prices.SPARK_COMPUTE, batch_hours * BATCH_DCU),
        Line(prices.SPARK_DISK, batch_hours * BATCH_DISK_GB),
        Line(prices.CPU, function_seconds + tab_seconds * TAB_VCPU),
        Line(prices.MEMORY, function_seconds * FUNCTION_GIB + tab_seconds * TAB_GIB),
        Line(prices.REQUESTS, (usage.runs + 2 * usage.runs_with_plays) / 1e6),
        Line(prices.QUERIES, query_megabytes / 1024**2),
        Line(prices.TABLES, usage.stored_plays * PLAY_BYTES / 1024**3),
        Line(prices.SECRETS, usage.listeners + 1),
        Line(prices.SECRET_READS, usage.runs * (usage.listeners + 1) * READS_PER_SECRET / 10_000),
        Line(prices.SCHEDULES, SCHEDULES),
        Line(prices.OBJECTS, usage.stored_plays * PLAY_BYTES / 1000**3),
        Line(prices.OBJECT_WRITES, (usage.runs_with_plays * WRITES_PER_RUN + usage.batches * WRITES_PER_BATCH) / 1000),
        Line(prices.MESSAGES, usage.runs_with_plays * 2 * MESSAGE_KIB / 1024**3),
        Line(prices.IMAGES, IMAGES_GB),
        Line(prices.LOGS, (usage.runs * LOG_KIB_PER_RUN / 1024 + usage.batches * LOG_MIB_PER_BATCH) / 1024),
    ]


def total_usd(lines: Sequence[Line]) -> float:
    return sum(line.usd for line in lines)


def total_without_allowance_usd(lines: Sequence[Line]) -> float:
    return sum(line.units * line.price.usd for line in lines)


def batches_per_month(share: float, min_interval_hours: int) -> float:
    """How many batches follow new plays, when `share` of all hours bring some and an interval lies between two batches.

    As if such hours fell at random: after the interval, 1 / share hours pass until the next one. Real ones come in
    rows, which needs fewer batches.
    """
    return HOURS_PER_MONTH / (max(min_interval_hours, 1) - 1 + 1 / share)


def visit_megabytes(stored_plays: float) -> int:
    """What the dashboard's queries bill for one visit after new plays."""
    tables = (stored_plays * PLAY_BYTES_READ, stored_plays * TRACKS_PER_PLAY * TRACK_BYTES_READ)
    return sum(max(math.ceil(size / 1024**2), STATEMENT_MB) for size in tables) + UNLISTED_MB + LEDGER_MB
