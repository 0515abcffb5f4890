"""The body of an answer, within bounds: a server that sends without end, or a byte now and then, holds up nobody."""

import time

import requests
import urllib3

from failures import SpotifyUnavailable

# A page of 50 plays has about 0.4 MB, with every field that Spotify ever sent. A row of BigQuery's may have 100 MB.
_MOST_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_WHOLE_SECONDS = 45


def read_text(response: requests.Response) -> str:
    """The whole body as text, with U+FFFD for what is no UTF-8. Raises SpotifyUnavailable."""
    pieces, size, deadline = [], 0, time.monotonic() + _WHOLE_SECONDS
    with response:
        while piece := _read_piece(response):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES:
                raise SpotifyUnavailable("an answer without end")
            if time.monotonic() > deadline:
                raise SpotifyUnavailable(f"an answer that was not whole after {_WHOLE_SECONDS} s")
    return b"".join(pieces).decode("utf-8", "replace").removeprefix("\ufeff")


def _read_piece(response: requests.Response) -> bytes:
    """What has arrived, not what would fill a buffer. Empty at the end."""
    try:
        piece: bytes = response.raw.read1(_PIECE_BYTES, decode_content=True)
    except urllib3.exceptions.HTTPError as error:  # its text is left out: it can quote the call
        raise SpotifyUnavailable(f"a broken answer, {type(error).__name__}") from None
    return piece
