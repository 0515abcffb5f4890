"""What load does with one run's file, from the object to the ledger. Any step may find that it was done before."""

from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient

from landed_object import LandedObject
from load_errors import FileRefused, ObjectGone
from load_ledger import Outcome, write_outcome
from load_settings import Settings
from merge import MergedFile, find_merged, merge
from plays_table import PlaysTable, fetch_plays_table
from publish import publish_plays_loaded, publisher_client
from refused import quarantine
from staging import StagedFile, stage, stage_good_rows


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
        merged = _merge_file(cloud, landed)
    except FileRefused as refusal:
        outcome = failed(refusal, f"BigQuery refused the file: {refusal}")
    except ObjectGone as error:
        outcome = failed(error, f"{error}.")
    else:
        # Before the ledger: a row there says that all is done.
        _publish(cloud, landed, merged)
        outcome = succeeded(landed, merged)
    write_outcome(cloud.bigquery, cloud.settings.table("runs"), landed, started_at, outcome)
    return outcome


def succeeded(landed: LandedObject, merged: MergedFile | None) -> Outcome:
    """None stands for a file without rows. Rows that were refused are an error beside the success of the others."""
    if merged is None:
        return Outcome("succeeded", "The file holds no plays.", rows_in=0, rows_new=0, listeners=0)
    sentences, error_class = [_sentence(merged)], None
    if merged.rows_refused:
        sentences.append(_refused_sentence(landed, merged.rows_refused))
        error_class = "RowsRefused"
    return Outcome(
        "succeeded",
        " ".join(sentences),
        merged.rows_in,
        merged.rows_new,
        merged.listeners,
        error_class,
        merged.details,
    )


def failed(error: Exception, reason: str) -> Outcome:
    return Outcome("failed", reason, error_class=type(error).__name__)


def _merge_file(cloud: Cloud, landed: LandedObject) -> MergedFile | None:
    # A repeat that comes after the MERGE needs neither the file nor the staging table; both may be gone.
    merged = find_merged(cloud.bigquery, landed)
    if merged is not None:
        return merged
    settings = cloud.settings
    plays = fetch_plays_table(cloud.bigquery, settings.table("plays"))
    staged = _stage(cloud, landed, plays)
    return merge(cloud.bigquery, landed, plays, staged) if staged.rows else None


def _stage(cloud: Cloud, landed: LandedObject, plays: PlaysTable) -> StagedFile:
    """A refused file is in the quarantine bucket before any row of it counts, and one bad row costs no other."""
    table_id = cloud.settings.table(landed.staging_table)
    try:
        return stage(cloud.bigquery, landed, plays, table_id)
    except FileRefused as refusal:
        quarantine(cloud.settings.project, cloud.settings.quarantine_bucket, landed, refusal)
        whole_file = refusal
    try:
        return stage_good_rows(cloud.bigquery, landed, plays, table_id)
    except FileRefused:
        raise whole_file from None


def _publish(cloud: Cloud, landed: LandedObject, merged: MergedFile | None) -> None:
    if merged is not None and merged.rows_new:
        topic = f"projects/{cloud.settings.project}/topics/{cloud.settings.plays_loaded_topic}"
        publish_plays_loaded(cloud.publisher, topic, landed.run_id, landed.slot, merged.rows_new, merged.committed_at)


def _sentence(merged: MergedFile) -> str:
    plays = "1 play" if merged.rows_in == 1 else f"{merged.rows_in} plays"
    new = f"{merged.inserted or 'none'} {'was' if merged.inserted == 1 else 'were'} new"
    completed = f" and {merged.completed} completed a stored play" if merged.completed else ""
    return f"Of {plays} in the file {new}{completed}."


def _refused_sentence(landed: LandedObject, rows: int) -> str:
    other = "1 other row was" if rows == 1 else f"{rows} other rows were"
    return f"{other} refused, see {landed.reason_name} in the quarantine bucket."
