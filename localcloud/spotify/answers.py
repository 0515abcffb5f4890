"""The shapes of Spotify's and ReccoBeats' answers, built from what was invented.

They have the shape of development mode, as new apps get it since 2026.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from localcloud.listeners.listeners import InventedListener
from localcloud.listeners.lives import Play
from localcloud.listeners.music import Album, Artist, Track
from localcloud.listeners.tastes import Context
from localcloud.spotify.consents import Granted
from localcloud.spotify.errors import JSON
from localcloud.web import Response

Json = dict[str, Any]


def as_json(value: Any) -> Response:
    """UTF-8 as it is, not escaped: that is how Spotify sends names."""
    return Response(200, json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": JSON})


def token(granted: Granted) -> Json:
    """Without the refresh token when the client is to go on with the one it has; that of an app has no scope."""
    answer = {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "scope": granted.scope,
        "expires_in": 3600,
        "refresh_token": granted.refresh_token,
    }
    return {name: value for name, value in answer.items() if value}


def me(listener: InventedListener) -> Json:
    return {
        "account_id": listener.account_id,
        "display_name": listener.display_name,
        **_links("user", listener.user_id),
        "images": [],
    }


def recently_played(url: str, plays: Sequence[Play], limit: int) -> Json:
    """One page; `url` without query. There is a next page unless this is empty."""
    page: Json = {"href": f"{url}?limit={limit}", "limit": limit, "next": None, "cursors": None}
    if plays:
        newest, oldest = to_ms(plays[0].played_at), to_ms(plays[-1].played_at)
        page["next"] = f"{url}?{urlencode({'before': oldest, 'limit': limit})}"
        page["cursors"] = {"after": str(newest), "before": str(oldest)}
    items = [
        {
            "track": _track(play.track),
            "played_at": to_text(play.played_at),
            "context": play.context and _context(play.context),
        }
        for play in plays
    ]
    return page | {"items": items}


def reccobeats(tracks: Iterable[Track]) -> Json:
    """Without the tracks ReccoBeats does not know, and in no order to rely on: here by its own ids."""
    content = []
    for track in tracks:
        if track.features is not None and track.reccobeats_id is not None:
            link = f"https://open.spotify.com/track/{track.id}"
            item: Json = {"id": track.reccobeats_id, "href": link, "isrc": track.isrc} | asdict(track.features)
            del item["time_signature"]  # ReccoBeats does not have it
            content.append(item)
    return {"content": sorted(content, key=lambda item: str(item["id"]))}


def to_ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def to_text(instant: datetime) -> str:
    """UTC with three decimals and `Z`, as `played_at` always is."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def _track(track: Track) -> Json:
    """Not to be changed by the caller: the same object is shown with each play."""
    return {
        "album": _album(track.album),
        "artists": [_artist(artist) for artist in track.artists],
        "disc_number": track.disc_number,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "external_ids": {"isrc": track.isrc} if track.isrc else {},
        "is_local": False,
        "name": track.name,
        "preview_url": None,
        "track_number": track.track_number,
        **_links("track", track.id),
    }


def _album(album: Album) -> Json:
    return {
        "album_type": album.album_type,
        "artists": [_artist(artist) for artist in album.artists],
        "images": [{"height": pixels, "url": url, "width": pixels} for pixels, url in album.image_urls.items()],
        "name": album.name,
        "release_date": album.release_date,
        "release_date_precision": album.release_date_precision,
        "total_tracks": album.total_tracks,
        **_links("album", album.id),
    }


def _artist(artist: Artist) -> Json:
    return {"name": artist.name, **_links("artist", artist.id)}


def _links(kind: str, id_: str) -> Json:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{id_}"},
        "href": f"https://api.spotify.com/v1/{kind}s/{id_}",
        "id": id_,
        "type": kind,
        "uri": f"spotify:{kind}:{id_}",
    }


def _context(context: Context) -> Json:
    """Liked Songs has no page of its own under an id; how Spotify spells it is not known for certain."""
    place = context.uri.rpartition(":")[2]
    path, resource = f"{context.type}/{place}", f"{context.type}s/{place}"
    if context.type == "collection":
        path, resource = "collection/tracks", "me/tracks"
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{path}"},
        "href": f"https://api.spotify.com/v1/{resource}",
        "type": context.type,
        "uri": context.uri,
    }
