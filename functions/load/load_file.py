"""Loads one run's file: stage, MERGE, publish, record. Any step may find that it was done before."""

from dataclasses import replace
from datetime import UTC, datetime

from landed_object import LandedObject
from load_cloud import Cloud, publish_plays_loaded
from load_errors import FileRefused, LoadBroken, ObjectGone, mistakes_are_permanent
from load_ledger import Counts, LedgerRow, failed, succeeded, write_row
from merge import MergedFile, count_doubled, find_merged, merge
from quarantine import quarantine
from staging import PlaysTable, StagedFile, fetch_plays_table, stage


def load_file(cloud: Cloud, landed: LandedObject) -> LedgerRow:
    """The row that was written, also of a file that can never be loaded. Raises what a redelivery may heal."""
    started_at = datetime.now(UTC)
    try:
        with mistakes_are_permanent():
            merged = _merge_file(cloud, landed)
            # Before the ledger: a row there says that all is done.
            if merged and merged.counts.rows_changed:
                publish_plays_loaded(cloud, landed.run_id, landed.slot, merged.counts.rows_changed, merged.committed_at)
            row = succeeded(landed, merged.counts if merged else Counts())
            write_row(cloud.bigquery, landed, started_at, row)
            return row
    except FileRefused as refusal:
        # The reasons may quote rows of the file: they stay beside it.
        row = failed(refusal, f"{refusal.by} refused the file, see {landed.reason_name} in the quarantine bucket.")
    except (ObjectGone, LoadBroken) as error:
        row = failed(error, f"{error}.")
    write_row(cloud.bigquery, landed, started_at, row)
    return row


def _merge_file(cloud: Cloud, landed: LandedObject) -> MergedFile | None:
    # A repeat that comes after the MERGE needs neither the file nor the staging table; both may be gone.
    merged, settings = find_merged(cloud.bigquery, landed), cloud.settings
    if merged is None:
        plays = fetch_plays_table(cloud.bigquery, settings.table("plays"), settings.bounds)
        staged = _stage(cloud, landed, plays)
        merged = merge(cloud.bigquery, landed, plays, settings.table("tracks"), staged) if staged.rows else None
    # A file that inserted nothing cannot have stored a play twice.
    if merged is None or not merged.counts.inserted:
        return merged
    doubled = count_doubled(cloud.bigquery, settings.table("plays"), settings.table("tracks"), merged)
    return replace(merged, counts=replace(merged.counts, doubled=doubled))


def _stage(cloud: Cloud, landed: LandedObject, plays: PlaysTable) -> StagedFile:
    """A refused file is in the quarantine bucket before any row of it counts, and one bad row costs no other."""
    table_id = f"{cloud.settings.project}.{cloud.settings.staging_dataset}.{landed.staging_table}"
    try:
        return stage(cloud.bigquery, landed, plays, table_id, only_good_rows=False)
    except FileRefused as refusal:
        whole_file = refusal
    good_rows = permanent = None
    try:
        with mistakes_are_permanent():
            good_rows = stage(cloud.bigquery, landed, plays, table_id, only_good_rows=True)
            whole_file.add(good_rows.errors)
    except FileRefused as refusal:
        whole_file.add(refusal.errors)
    except (ObjectGone, LoadBroken) as error:
        permanent = error
    # Not after an error that redelivers the event: what is in quarantine then would lack what the repeat finds.
    quarantine(cloud.settings.project, cloud.settings.quarantine_bucket, landed, whole_file)
    if good_rows is None:
        raise permanent or whole_file
    return good_rows
