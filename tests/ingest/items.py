"""Items of a page as Spotify sends them in 2026, and the row that each becomes, written by hand."""

from datetime import UTC, datetime

from slots import Run
from tests.seed import schema_of

SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
RUN = Run(SLOT, datetime(2026, 11, 22, 10, 0, 3, 141_592, UTC))

FULL_ITEM = {
    "track": {
        "album": {
            "album_type": "album",
            "artists": [
                {
                    "external_urls": {"spotify": "https://open.spotify.com/artist/1AAAAAAAAAAAAAAAAAAAAA"},
                    "href": "https://api.spotify.com/v1/artists/1AAAAAAAAAAAAAAAAAAAAA",
                    "id": "1AAAAAAAAAAAAAAAAAAAAA",
                    "name": "Die Ärzte, live",
                    "type": "artist",
                    "uri": "spotify:artist:1AAAAAAAAAAAAAAAAAAAAA",
                }
            ],
            "external_urls": {"spotify": "https://open.spotify.com/album/2BBBBBBBBBBBBBBBBBBBBB"},
            "href": "https://api.spotify.com/v1/albums/2BBBBBBBBBBBBBBBBBBBBB",
            "id": "2BBBBBBBBBBBBBBBBBBBBB",
            "images": [
                {"height": 300, "url": "https://i.scdn.co/image/x300", "width": 300},
                {"height": 640, "url": "https://i.scdn.co/image/x640", "width": 640},
                {"height": 64, "url": "https://i.scdn.co/image/x64", "width": 64},
            ],
            "name": 'An "Album"',
            "release_date": "1984-05",
            "release_date_precision": "month",
            "total_tracks": 12,
            "type": "album",
            "uri": "spotify:album:2BBBBBBBBBBBBBBBBBBBBB",
        },
        "artists": [
            {"id": "1AAAAAAAAAAAAAAAAAAAAA", "name": "Die Ärzte, live", "type": "artist"},
            {"id": "1CCCCCCCCCCCCCCCCCCCCC", "name": "Guest", "type": "artist"},
        ],
        "available_markets": ["DE", "US"],
        "disc_number": 1,
        "duration_ms": 200281,
        "explicit": False,
        "external_ids": {"isrc": "GBAAA2100001"},
        "external_urls": {"spotify": "https://open.spotify.com/track/3CCCCCCCCCCCCCCCCCCCCC"},
        "href": "https://api.spotify.com/v1/tracks/3CCCCCCCCCCCCCCCCCCCCC",
        "id": "3CCCCCCCCCCCCCCCCCCCCC",
        "is_local": False,
        "name": "First\nSecond",
        "popularity": 61,
        "preview_url": None,
        "track_number": 2,
        "type": "track",
        "uri": "spotify:track:3CCCCCCCCCCCCCCCCCCCCC",
    },
    "played_at": "2026-11-22T09:32:01.863Z",
    "context": {
        "external_urls": {"spotify": "https://open.spotify.com/playlist/4DDDDDDDDDDDDDDDDDDDDD"},
        "href": "https://api.spotify.com/v1/playlists/4DDDDDDDDDDDDDDDDDDDDD",
        "type": "playlist",
        "uri": "spotify:playlist:4DDDDDDDDDDDDDDDDDDDDD",
    },
}

FULL_ROW = dict.fromkeys(schema_of("plays").names) | {
    "listener_id": "ada",
    "played_at": datetime(2026, 11, 22, 9, 32, 1, 863_000, UTC),
    "track_id": "3CCCCCCCCCCCCCCCCCCCCC",
    "track_name": "First\nSecond",
    "artist_id": "1AAAAAAAAAAAAAAAAAAAAA",
    "artist_name": "Die Ärzte, live",
    "artist_names": "Die Ärzte, live; Guest",
    "album_id": "2BBBBBBBBBBBBBBBBBBBBB",
    "album_name": 'An "Album"',
    "album_release_date": "1984-05",
    "image_url": "https://i.scdn.co/image/x640",
    "isrc": "GBAAA2100001",
    "duration_ms": 200281,
    "explicit": False,
    "popularity": 61,
    "context_type": "playlist",
    "context_uri": "spotify:playlist:4DDDDDDDDDDDDDDDDDDDDD",
    "source": "api",
    "run_id": "20261122T100000Z",
    "ingested_at": datetime(2026, 11, 22, 10, 0, 3, 141_000, UTC),
}

FULL_LINE = (
    '"ada",2026-11-22T09:32:01.863Z,"3CCCCCCCCCCCCCCCCCCCCC","First\nSecond","1AAAAAAAAAAAAAAAAAAAAA",'
    '"Die Ärzte, live","Die Ärzte, live; Guest","2BBBBBBBBBBBBBBBBBBBBB","An ""Album""","1984-05",'
    '"https://i.scdn.co/image/x640","GBAAA2100001",200281,false,61,"playlist",'
    '"spotify:playlist:4DDDDDDDDDDDDDDDDDDDDD",,,,,,,,,,,,,,,"api","20261122T100000Z",2026-11-22T10:00:03.141Z,,,,,,,,\n'
)


def item(played_at, track_id):
    """The least that is a play."""
    return {"track": {"id": track_id}, "played_at": played_at}


def row(played_at, track_id, **values):
    """Its row."""
    identity = {"listener_id": "ada", "played_at": played_at, "track_id": track_id}
    origin = {name: FULL_ROW[name] for name in ("source", "run_id", "ingested_at")}
    return dict.fromkeys(FULL_ROW) | identity | origin | values
