"""What Cloud Storage lets a caller say about buckets and objects: preconditions, metadata fields, changes to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.web import ApiError

Resource = dict[str, Any]

BUCKET_FIELDS = {"name", "location", "storageClass", "labels"}
OBJECT_FIELDS = {"contentType", "cacheControl", "contentDisposition", "contentLanguage", "metadata", "storageClass"}
# Fields of a request that change nothing: checked elsewhere, or the service's own.
IGNORED_FIELDS = {
    *("kind", "id", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration", "size", "etag"),
    *("crc32c", "md5Hash", "timeCreated", "updated", "timeFinalized", "timeStorageClassUpdated"),
}


@dataclass(frozen=True)
class Conditions:
    """The preconditions of one call; generation 0 is that of an object which does not exist."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    def hold(self, resource: Resource | None) -> bool:
        generation = int(resource["generation"]) if resource else 0
        metageneration = int(resource["metageneration"]) if resource else 0
        return (
            self.generation_match in (None, generation)
            and self.generation_not_match != generation
            and self.metageneration_match in (None, metageneration)
            and self.metageneration_not_match != metageneration
        )

    def check(self, resource: Resource | None) -> None:
        if not self.hold(resource):
            message = "At least one of the pre-conditions you specified did not hold."
            raise ApiError(412, "conditionNotMet", message)


NO_CONDITIONS = Conditions()


def refuse_unknown_fields(what: str, properties: Mapping[str, Any], known: set[str]) -> None:
    for field in properties:
        if field not in known:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate {what}.{field}")


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch, for resources whose only nested field is `metadata`."""
    result = {**old, **{field: value for field, value in changes.items() if value is not None}}
    if isinstance(changes.get("metadata"), dict):
        result["metadata"] = merged(old.get("metadata", {}), changes["metadata"])
    return {field: value for field, value in result.items() if field not in changes or changes[field] is not None}
