"""Items of a page that are no plays: kept as they came, with the reason, so that nothing Spotify said is lost."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import PreconditionFailed
from google.cloud.storage import Bucket

from ingest_log import log
from plays import RefusedItem

_SECONDS = 60
# Spotify's own pages have seven. Python cannot write what is nested a thousand levels deep.
_LEVELS = 50


def object_name(refused: RefusedItem) -> str:
    """The same item has the same name, however often its page comes back."""
    canonical = json.dumps(_identity(refused.item), sort_keys=True, separators=(",", ":"))
    return f"items/{refused.listener_id}/{hashlib.sha256(canonical.encode()).hexdigest()[:16]}.json"


def write_refused(bucket: Bucket, run_id: str, refused: Sequence[RefusedItem]) -> int:
    """Keep each item once, with one ERROR entry by the run that meets it first. How many this run met first."""
    items = {object_name(item): item for item in refused}
    return sum(_write(bucket, run_id, name, item) for name, item in items.items())


def _write(bucket: Bucket, run_id: str, name: str, item: RefusedItem) -> bool:
    """Whether it is this run's to report: no earlier run kept the item."""
    content = {"reason": item.reason, "listener_id": item.listener_id, "run_id": run_id}
    blob = bucket.blob(name)
    blob.metadata = {"run_id": run_id}
    try:
        blob.upload_from_string(
            json.dumps({**content, "item": _shallow(item.item)}, indent=1),
            content_type="application/json",
            if_generation_match=0,
            timeout=_SECONDS,
        )
    except PreconditionFailed:
        # It may be this very run that kept it: an earlier attempt, or an upload whose answer was lost.
        kept = bucket.get_blob(name, timeout=_SECONDS)
        if kept is None or (kept.metadata or {}).get("run_id") != run_id:
            return False
    fields = {"run_id": run_id, "listener": item.listener_id, "reason": item.reason, "object": name}
    log("ERROR", "An item could not be read and is in the quarantine bucket", **fields)
    return True


def _identity(item: Any) -> Any:
    """When it was played and what it was, for figures like popularity change by the hour; else all of it."""
    if not isinstance(item, dict) or not isinstance(item.get("played_at"), str):
        return _shallow(item)
    track = item.get("track")
    told = [track.get(name) for name in ("uri", "id", "name", "type")] if isinstance(track, dict) else track
    return _shallow([item["played_at"], told])


def _shallow(value: Any, levels: int = _LEVELS) -> Any:
    """The item as it came, as far down as an item can mean anything."""
    if isinstance(value, dict | list) and levels == 0:
        return "…"
    if isinstance(value, dict):
        return {name: _shallow(part, levels - 1) for name, part in value.items()}
    return [_shallow(part, levels - 1) for part in value] if isinstance(value, list) else value
