"""Pages of Google's list calls."""

from typing import Any

from localcloud.web import ApiError, Request


def page(field: str, resources: list[Any], request: Request, default_size: int = 1000) -> dict[str, Any]:
    """The part of an answer that holds one page. A token is the position where the next page starts.

    A filter is refused: Dataproc's has found nothing without an error, so no part of the project sends one.
    """
    if request.arg("filter"):
        raise ApiError(501, "notImplemented", "The laptop cloud does not imitate filters of lists")
    size, token = request.arg("pageSize") or "0", request.arg("pageToken") or "0"
    if not size.isdecimal() or not token.isdecimal():
        raise ApiError(400, "badRequest", "Invalid page size or page token")
    end = int(token) + (int(size) or default_size)
    more = {"nextPageToken": str(end)} if end < len(resources) else {}
    return {field: resources[int(token) : end], **more}
