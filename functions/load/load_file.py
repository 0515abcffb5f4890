"""What load does with one run's file, from the object to the ledger. Any step may find that it was done before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient

from generations import NOTHING, Counts, Generations, from_json, to_json, together
from landed_object import LandedObject
from load_errors import FileRefused, JobFailed, LoadBroken, ObjectGone, mistakes_are_permanent
from load_ledger import Outcome, fetch_told, write_outcome
from load_settings import Settings
from merge import MergedFile, count_doubled, find_merged, merge
from publish import publish_plays_loaded, publisher_client
from quarantine import quarantine
from staging import PlaysTable, StagedFile, fetch_plays_table, stage, stage_good_rows


@dataclass(frozen=True)
class Cloud:
    """The settings and the clients they lead to."""

    settings: Settings
    bigquery: bigquery.Client
    publisher: PublisherClient

    @classmethod
    def connect(cls, settings: Settings) -> "Cloud":
        return cls(
            settings,
            bigquery.Client(project=settings.project, location=settings.location),
            publisher_client(settings.pubsub_host),
        )


def load_file(cloud: Cloud, landed: LandedObject) -> Outcome:
    """Load, merge, publish, record. Raises whatever the platform should deliver the event again for."""
    started_at = datetime.now(UTC)
    try:
        with mistakes_are_permanent():
            merged = _count_doubled(cloud, _merge_file(cloud, landed))
            # Before the ledger: a row there says that all is done.
            _publish(cloud, landed, merged)
            return _record(cloud, landed, started_at, merged.counts if merged else NOTHING)
    except FileRefused as refusal:
        outcome = failed(refusal, f"{refusal.by} refused the file: {refusal}")
    except (ObjectGone, LoadBroken) as error:
        outcome = failed(error, f"{error}.")
    write_outcome(cloud.bigquery, cloud.settings.table("runs"), landed, started_at, outcome)
    return outcome


def _record(cloud: Cloud, landed: LandedObject, started_at: datetime, counts: Counts) -> Outcome:
    """Add this generation to what the ledger says of the run's file. Raises JobFailed if another load was quicker."""
    client, table_id, generations = cloud.bigquery, cloud.settings.table("runs"), {landed.generation: counts}
    outcome = of_generations(landed, generations)
    if write_outcome(client, table_id, landed, started_at, outcome):
        return outcome
    told = fetch_told(client, table_id, landed)
    earlier = from_json(json.loads(told)) if told else {}
    outcome = of_generations(landed, generations | earlier)
    is_news = bool(counts.rows_new) or _rows_refused(earlier) != _rows_refused(generations | earlier)
    if landed.generation not in earlier and not write_outcome(
        client, table_id, landed, started_at, outcome, told, is_news=is_news
    ):
        raise JobFailed(f"The row of run {landed.run_id} in the ledger was changed at the same moment")
    return outcome


def _rows_refused(generations: Generations) -> int:
    return together(generations).rows_refused if generations else 0


def of_generations(landed: LandedObject, generations: Generations) -> Outcome:
    """All generations of the file as one outcome, with each of them in its details."""
    outcome = succeeded(replace(landed, generation=max(generations)), together(generations))
    return replace(outcome, details={**(outcome.details or {}), "generations": to_json(generations)})


def succeeded(landed: LandedObject, counts: Counts) -> Outcome:
    """Rows that were refused, and plays that are stored twice, are an error beside the success of the others."""
    if not counts.rows_in:
        return Outcome("succeeded", "The file holds no plays.", rows_in=0, rows_new=0, listeners=0)
    sentences, error_class = [_sentence(counts)], None
    if counts.doubled:
        sentences.append(_doubled_sentence(counts.doubled))
        error_class = "PlaysDoubled"
    if counts.rows_refused:
        sentences.append(_refused_sentence(landed, counts.rows_refused))
        error_class = "RowsRefused"
    if counts.outside:
        sentences.append(_outside_sentence(counts.outside))
    return Outcome(
        "succeeded",
        " ".join(sentences),
        counts.rows_in,
        counts.rows_new,
        counts.listeners,
        error_class,
        counts.details,
    )


def failed(error: Exception, reason: str) -> Outcome:
    return Outcome("failed", reason, error_class=type(error).__name__)


def _merge_file(cloud: Cloud, landed: LandedObject) -> MergedFile | None:
    # A repeat that comes after the MERGE needs neither the file nor the staging table; both may be gone.
    merged = find_merged(cloud.bigquery, landed)
    if merged is not None:
        return merged
    settings = cloud.settings
    plays = fetch_plays_table(cloud.bigquery, settings.table("plays"), settings.bounds)
    staged = _stage(cloud, landed, plays)
    return merge(cloud.bigquery, landed, plays, settings.table("tracks"), staged) if staged.rows else None


def _stage(cloud: Cloud, landed: LandedObject, plays: PlaysTable) -> StagedFile:
    """A refused file is in the quarantine bucket before any row of it counts, and one bad row costs no other."""
    table_id = f"{cloud.settings.project}.{cloud.settings.staging_dataset}.{landed.staging_table}"
    try:
        return stage(cloud.bigquery, landed, plays, table_id)
    except FileRefused as refusal:
        whole_file = refusal
    try:
        staged = stage_good_rows(cloud.bigquery, landed, plays, table_id)
        whole_file.errors += [error for error in staged.errors if error not in whole_file.errors]
        return staged
    except FileRefused:
        raise whole_file from None
    finally:
        quarantine(cloud.settings.project, cloud.settings.quarantine_bucket, landed, whole_file)


def _count_doubled(cloud: Cloud, merged: MergedFile | None) -> MergedFile | None:
    """A file that inserted nothing cannot have stored a play twice."""
    if merged is None or not merged.counts.inserted:
        return merged
    doubled = count_doubled(cloud.bigquery, cloud.settings.table("plays"), cloud.settings.table("tracks"), merged)
    return replace(merged, counts=replace(merged.counts, doubled=doubled))


def _publish(cloud: Cloud, landed: LandedObject, merged: MergedFile | None) -> None:
    if merged is not None and merged.counts.rows_new:
        topic = f"projects/{cloud.settings.project}/topics/{cloud.settings.plays_loaded_topic}"
        rows_new, committed_at = merged.counts.rows_new, merged.committed_at
        publish_plays_loaded(cloud.publisher, topic, landed.run_id, landed.slot, rows_new, committed_at)


def _sentence(counts: Counts) -> str:
    plays = "1 play" if counts.rows_in == 1 else f"{counts.rows_in} plays"
    new = f"{counts.inserted or 'none'} {'was' if counts.inserted == 1 else 'were'} new"
    completed = f" and {counts.completed} completed a stored play" if counts.completed else ""
    return f"Of {plays} in the file {new}{completed}."


def _outside_sentence(outside: Mapping[str, int]) -> str:
    listed = ", ".join(f"{column} ({values})" for column, values in sorted(outside.items()))
    return f"Values that their columns may not hold became NULL: {listed}."


def _refused_sentence(landed: LandedObject, rows: int) -> str:
    other = "1 other row was" if rows == 1 else f"{rows} other rows were"
    return f"{other} refused, see {landed.reason_name} in the quarantine bucket."


def _doubled_sentence(plays: int) -> str:
    stored = "1 play is stored twice" if plays == 1 else f"{plays} plays are stored twice"
    return f"{stored}, because two loads ran at once: run `python -m cli repair`."
