"""Gathers what a storm has left in the laptop cloud and in Spotify's memory."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from localcloud.gcp.bigquery.googlesql.translate import TableId
from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.faults.evidence import Batch, Evidence, Key, Row
from tests.faults.storms import LISTENERS
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import FaultySpotify


def rows(cloud: LaptopCloud, table: str) -> list[Row]:
    settings = cloud.environment
    name = TableId(settings["GOOGLE_CLOUD_PROJECT"], settings["DATASET"], table).sql
    with cloud.bigquery.warehouse.reading() as cursor:  # without a call, a job or a fault
        stored = cursor.execute(f"FROM {name}")
        columns = [column[0] for column in stored.description]
        return [dict(zip(columns, row, strict=True)) for row in stored.fetchall()]


def gather(
    evidence: Evidence, cloud: LaptopCloud, spotify: FaultySpotify, seen: Mapping[str, frozenset[Key]], log: str
) -> None:
    """`seen`: by batch, the plays that were there when it began."""
    evidence.plays, evidence.gaps, evidence.imports = rows(cloud, "plays"), rows(cloud, "gaps"), rows(cloud, "imports")
    evidence.catalogue = rows(cloud, "catalogue")
    evidence.ledger = [row | {"details": json.loads(row["details"] or "null")} for row in rows(cloud, "runs")]
    batches, storage = cloud.dataproc.batches(), cloud.storage
    landing, quarantine = cloud.environment["LANDING_BUCKET"], cloud.environment["QUARANTINE_BUCKET"]
    evidence.landed = {name: storage.read(landing, name).decode() for name in storage.names(landing)}
    evidence.other_texts = [log, *(storage.read(quarantine, name).decode() for name in storage.names(quarantine))]
    evidence.other_texts += [json.dumps(attempt.answer) for attempt in evidence.attempts]
    evidence.other_texts += [json.dumps(batch) for batch in batches]
    client_id, secret = spotify.app.client_id, spotify.app.client_secret
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    evidence.secrets = frozenset({secret, encoded, *spotify.given})
    evidence.tokens = {name: (_kept_token(cloud, name), spotify.newest_token(name)) for name in LISTENERS}
    evidence.batches = [_batch(batch, seen) for batch in batches]
    evidence.undelivered = cloud.events.status()["subscriptions"]


def _kept_token(cloud: LaptopCloud, name: str) -> str:
    return str(json.loads(secrets.payloads(cloud, f"refresh-token-{name}")[-1])["refresh_token"])


def _batch(batch: dict[str, Any], seen: Mapping[str, frozenset[Key]]) -> Batch:
    batch_id = batch["name"].rpartition("/")[2]
    arguments = dict(argument.split("=", 1) for argument in batch["pysparkBatch"]["args"])
    return Batch(
        batch_id,
        batch["state"],
        datetime.fromisoformat(batch["createTime"]),
        datetime.fromisoformat(batch["stateTime"]),
        datetime.fromisoformat(arguments["--as-of"]),
        seen.get(batch_id, frozenset()),
    )
