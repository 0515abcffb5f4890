"""Finds which plays of the fetched pages are stored, and records a gap before each page that does not reach back.

A page reaches back if its oldest play is stored from the API, or is in a file of ingest's on its way to the warehouse.
Newer plays on it, plays of imports and of a clock that was ahead prove nothing (docs/decisions/0003). Only `import`
itself, which has read the files, closes a gap.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery
from google.cloud.storage import Blob, Bucket

from buckets import object_name
from ingest_cloud import Cloud
from ingest_log import log
from ingest_queries import Parameter, integer, run_query, string, timestamp
from plays import Key, Row, key_of
from slots import Run, run_id_of
from unloaded_files import fetch_unloaded, generation_of

# An export has the end of a play in whole seconds and a little off: see functions/load/queries/same_play.sql.
_EXPORT_APART = timedelta(seconds=90)
_CALL_SECONDS = 60
# How long after `ingested_at`, when its run began, a play may honestly end: its page was fetched within minutes.
_CLOCK_AHEAD = timedelta(minutes=5)
# As long as Eventarc tries to deliver an event.
_LOADED_WITHIN = timedelta(hours=24)
# An import names its files by an instant two hours before it, and files may land an hour late.
_NAMED_EARLIER = timedelta(hours=3)
# A day of files, imports too, can be more than the function's memory.
_PIECE_BYTES = 2**20
# No run writes so much, not with a thousand listeners: such a file must not cost the run its time and memory.
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class KnownPlays:
    keys: frozenset[Key]
    """Plays that need not be landed, also one that is stored under another id of its track: same instant, same ISRC.

    A play that only an import has stored is landed once more, because the API has more of it, and because the import
    may be undone; load makes one row of the two, which has the API's key.
    """
    unreached: Mapping[str, datetime]
    """By listener, the oldest play of a page that does not reach back.

    Not where every play of the page is stored: an earlier run has seen what is missing.
    """
    imported: Mapping[str, AbstractSet[str]]
    """By listener, the imports whose plays reach into the page."""


@dataclass(frozen=True, slots=True)
class LandedPlay:
    """A play in a file. `import_id`: of the import that landed the file; None for ingest's own."""

    listener_id: str
    played_at: datetime
    import_id: str | None = None


@dataclass
class LandedBefore:
    """What files on their way to the warehouse hold: the newest plays before a page, and the imports that reach it."""

    from_api: datetime | None = None
    from_imports: dict[str, datetime] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)


def fetch_known(client: bigquery.Client, rows: Sequence[Row]) -> KnownPlays:
    """What is stored of every listener from `_EXPORT_APART` before the oldest of the given plays on; one query."""
    if not rows:
        return KnownPlays(frozenset(), {}, {})
    oldest: dict[str, datetime] = {}
    for row in rows:
        oldest[row["listener_id"]] = min(row["played_at"], oldest.get(row["listener_id"], row["played_at"]))
    since = {listener_id: instant - _EXPORT_APART for listener_id, instant in oldest.items()}
    found = list(run_query(client, "known_plays", _pages(since, {}, {}), timestamp("oldest", min(since.values()))))
    of_api = [row for row in found if not row.is_only_imported]
    keys = frozenset(key_of(dict(row)) for row in of_api)
    recordings = {(row.listener_id, row.played_at, row.isrc) for row in of_api if row.isrc}
    keys |= {key_of(row) for row in rows if (row["listener_id"], row["played_at"], row["isrc"]) in recordings}
    unreached = {row["listener_id"]: oldest[row["listener_id"]] for row in rows if key_of(row) not in keys}
    imported = defaultdict[str, set[str]](set)
    for row in found:
        if _is_ahead(row.played_at, row.ingested_at):
            continue
        if row.import_id:
            imported[row.listener_id].add(row.import_id)
        elif not row.is_only_imported and row.played_at == oldest[row.listener_id]:
            unreached.pop(row.listener_id, None)  # absent where all of the page is stored
    return KnownPlays(keys, unreached, imported)


def _is_ahead(played_at: datetime, ingested_at: datetime) -> bool:
    return played_at > ingested_at + _CLOCK_AHEAD


def scan_landed(oldest: Mapping[str, datetime], landed: Iterable[LandedPlay]) -> dict[str, LandedBefore]:
    """Keeps the pages whose oldest play is in no file of ingest's, with what was landed before each.

    There may be hundreds of thousands of landed plays, and none is kept.
    """
    before = {listener_id: LandedBefore() for listener_id in oldest}
    for play in landed:
        known = before.get(play.listener_id)
        if known is None:
            continue
        is_before = play.played_at < oldest[play.listener_id]
        if is_before and play.import_id:
            known.from_imports[play.import_id] = max(
                play.played_at, known.from_imports.get(play.import_id, play.played_at)
            )
        elif is_before:
            known.from_api = max(play.played_at, known.from_api or play.played_at)
        elif play.import_id:
            known.imported.add(play.import_id)
        elif play.played_at == oldest[play.listener_id]:
            del before[play.listener_id]
    return before


def write_gaps(
    cloud: Cloud, run: Run, oldest: Mapping[str, datetime], imported: Mapping[str, AbstractSet[str]]
) -> None:
    """Record a gap before each of these pages, unless nothing of its listener is known yet."""
    if not oldest:
        return
    before = scan_landed(oldest, fetch_landed(cloud.bigquery, cloud.landing, run))
    if not before:
        return
    pages = _pages({listener_id: oldest[listener_id] for listener_id in before}, before, imported)
    run_query(
        cloud.bigquery,
        "add_gaps",
        pages,
        timestamp("newest", max(oldest.values())),
        integer("ahead_ms", _CLOCK_AHEAD // timedelta(milliseconds=1)),
        string("run_id", run.run_id),
        timestamp("detected_at", run.started_at),
    )
    # The MERGE returns a number, and adds no gap again that a broken-off attempt has added. So the gaps of these pages
    # are read, and each listener has an entry: the alert sends mail about each of them every twelve hours at most.
    for row in run_query(cloud.bigquery, "recorded_gaps", pages):
        log("WARNING", "Plays may be missing", run_id=run.run_id, listener=row.listener_id)


def _pages(
    oldest: Mapping[str, datetime], before: Mapping[str, LandedBefore], imported: Mapping[str, AbstractSet[str]]
) -> Parameter:
    """@pages: each listener's page by its oldest play, what landed before it, and the imports that reach it.

    ARRAY<STRUCT<listener_id STRING, oldest TIMESTAMP, from_api TIMESTAMP, from_import TIMESTAMP,
    imported ARRAY<STRING>>>.
    """
    structs = []
    for listener_id, instant in oldest.items():
        landed = before.get(listener_id, LandedBefore())
        reaching = landed.imported | imported.get(listener_id, set())
        from_imports = [newest for import_id, newest in landed.from_imports.items() if import_id not in reaching]
        structs.append(
            bigquery.StructQueryParameter(
                None,
                string("listener_id", listener_id),
                timestamp("oldest", instant),
                timestamp("from_api", landed.from_api),
                timestamp("from_import", max(from_imports, default=None)),
                bigquery.ArrayQueryParameter("imported", "STRING", sorted(reaching)),
            )
        )
    return bigquery.ArrayQueryParameter("pages", "STRUCT", structs)


def fetch_landed(client: bigquery.Client, bucket: Bucket, run: Run) -> Iterator[LandedPlay]:
    """Each play in the files that are on their way to the warehouse: of a day, and older ones that will be re-sent.

    They are not a gap, and a gap may begin with them. Files that were refused, or that load merged before this run,
    are left out: `fetch_known` has found the plays of the latter, unless someone deleted them or load refused them.
    So are plays of a clock that was ahead. That can only lead to a gap too many, never to one too few.
    """
    since = run.slot - _LOADED_WITHIN
    named_since = since - _NAMED_EARLIER
    window = timestamp("since", named_since), timestamp("before", run.started_at)
    recorded = {(row.run_id, generation_of(row)) for row in run_query(client, "recorded_files", *window)}
    first, last = run_id_of(named_since), run.run_id
    for day in range((run.slot.date() - named_since.date()).days + 1):
        for blob in bucket.list_blobs(prefix=f"plays/{named_since + timedelta(day):%Y/%m/%d}/", timeout=_CALL_SECONDS):
            run_id = blob.name.rpartition("/")[2].removesuffix(".csv")
            if first <= run_id <= last and (run_id, str(blob.generation)) not in recorded:
                yield from _plays(blob)
    for run_id in fetch_unloaded(client, run.started_at, since):
        if blob := bucket.get_blob(object_name(run_id), timeout=_CALL_SECONDS):
            yield from _plays(blob)


def _plays(blob: Blob) -> Iterator[LandedPlay]:
    """Up to the first row that cannot be read: what follows is not ingest's, and load reports it."""
    if blob.size > _MOST_BYTES:
        message = "A file in the landing bucket is too large to be read"
        log("WARNING", message, object=blob.name, bytes=blob.size)
        return
    try:
        with blob.open("rt", chunk_size=_PIECE_BYTES, encoding="utf-8", newline="", timeout=_CALL_SECONDS) as file:
            for row in csv.DictReader(file):
                played_at, ingested_at = map(_to_instant, (row["played_at"], row["ingested_at"]))
                if not _is_ahead(played_at, ingested_at):
                    yield LandedPlay(row["listener_id"], played_at, row.get("import_id") or None)
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError):
        return


def _to_instant(text: str) -> datetime:
    """As BigQuery reads it."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
