"""Copies a file that is refused, whole or in part, to the quarantine bucket, with the reason beside it.

The one place of load that needs Cloud Storage. Its client is imported on use, because nearly every event is
dealt with without it.
"""

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound, PreconditionFailed

from landed_object import LandedObject
from load_errors import FileRefused

if TYPE_CHECKING:
    from google.cloud.storage import Client

_CALL_SECONDS = 30


def is_gone(project: str, landed: LandedObject) -> bool:
    """Whether no object has this name any more."""
    return not _client(project).bucket(landed.bucket).blob(landed.name).exists(timeout=_CALL_SECONDS)


def quarantine(project: str, bucket_name: str, landed: LandedObject, refusal: FileRefused) -> None:
    """Copy the refused file and write the reasons beside it. A repeat changes nothing."""
    client = _client(project)
    landing, kept = client.bucket(landed.bucket), client.bucket(bucket_name)
    # NotFound: deleted since BigQuery read it. The reason is kept all the same: it names the run.
    with suppress(PreconditionFailed, NotFound):
        landing.copy_blob(
            landing.blob(landed.name),
            kept,
            landed.quarantine_name,
            source_generation=landed.generation,
            if_generation_match=0,
            timeout=_CALL_SECONDS,
        )
    with suppress(PreconditionFailed):
        kept.blob(landed.reason_name).upload_from_string(
            reason_json(landed, refusal),
            content_type="application/json",
            if_generation_match=0,
            timeout=_CALL_SECONDS,
        )


def reason_json(landed: LandedObject, refusal: FileRefused) -> str:
    reason = {
        "object": landed.uri,
        "generation": str(landed.generation),
        "message": str(refusal),
        "errors": refusal.errors,
        "run_id": landed.run_id,
    }
    return json.dumps(reason, ensure_ascii=False, indent=2)


def _client(project: str) -> "Client":
    """With credentials named, because the client takes none to an endpoint of STORAGE_EMULATOR_HOST by itself."""
    import google.auth
    from google.cloud.storage import Client

    return Client(project=project, credentials=google.auth.default()[0])
