"""No page of Spotify's makes a file that BigQuery refuses, and no row comes out of the warehouse other than it went in.

Arbitrary pages and rows go the real way: the function ingest, the CSV, the function load, the table `plays`.
"""

import json
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from buckets import object_name, to_csv
from localcloud.web import Response, Routes, Server
from tests.load.harness import Loading, loading_cloud
from tests.localcloud.gcp import secrets

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Ingest takes slots of the last two days.
_YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=30)
SLOTS = (_YESTERDAY + timedelta(seconds=second) for second in range(100_000))


@dataclass
class Way:
    """Both functions, one listener, and a Spotify that answers with whatever page is set."""

    loading: Loading
    ingest: Any
    page: bytes = b""
    stored: dict[tuple[datetime, str], dict[str, Any]] = field(default_factory=dict)

    def fetch(self, items: list[Any]) -> tuple[dict[str, Any], str]:
        """Ingest's answer, and the run's id; the file has been loaded, if there is one."""
        slot = next(SLOTS)
        self.page = json.dumps({"items": items}).encode()
        response = self.ingest.post("/", headers={"X-CloudScheduler-ScheduleTime": slot.isoformat()})
        assert response.status_code == 200
        self.load()
        return response.get_json(), f"{slot:%Y%m%dT%H%M%SZ}"

    def load(self) -> None:
        assert set(self.loading.deliver()) <= {200}

    def plays(self, run_id: str) -> list[dict[str, Any]]:
        order = "listener_id, played_at, track_id"
        return self.loading.rows(f"plays WHERE run_id = '{run_id}'", order)

    def outcome(self, run_id: str) -> list[tuple[str, str | None]]:
        rows = self.loading.rows(f"runs WHERE run_id = '{run_id}'", "finished_at")
        return [(row["step"], row["error_class"]) for row in rows]


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with loading_cloud(tmp_path_factory.mktemp("way")) as loading:
        app = functions_framework.create_app("ingest", str(ROOT / "functions/ingest/main.py"))
        way = Way(loading, app.test_client())
        routes = Routes()
        routes.add("POST", "/api/token", lambda request: Response.of_json({"access_token": "access"}))
        routes.add("GET", "/v1/me/player/recently-played", lambda request: Response(200, way.page))
        server = Server("spotify", routes).start()
        os.environ.update(SPOTIFY_ACCOUNTS_URL=server.url, SPOTIFY_API_URL=server.url)
        consent = {"refresh_token": "r", "consented_at": "2026-11-01T00:00:00Z", "account_id": "a", "scope": "s"}
        labels = {"app": "heavy-rotation", "kind": "refresh-token", "listener": "ada"}
        secrets.store(loading.cloud, "spotify-client", {"client_id": "c", "client_secret": "s"})
        secrets.store(loading.cloud, "refresh-token-ada", consent, labels)
        yield way
        server.stop()


# A value as Spotify might send it, and what the table holds of it.
NASTY = [
    "=1+1",
    "@cmd|' /C calc'!A0",
    '"',
    '""',
    '",\n"',
    "a\r\nb\rc\nd",
    "\0",
    "\x1a\x1b[31m\x7f\x9b",
    "\ufeff\u202e\u2028\ufffd",
    "👩‍👩‍👧",
    "'; DROP TABLE plays; --",
    "\\",
    "\\N",
    "NULL",
    " ",
    "",
]
TEXT = (st.text(max_size=8) | st.sampled_from(NASTY)).map(lambda text: (text, text if text.strip() else None))
HALF_A_PAIR = st.sampled_from([("a\ud83d", "a?"), ("\udc00", "?")])
OTHER_TYPES = st.sampled_from([7, 1.5, True, None, [], {}, ["x"], {"x": 1}])
NO_TEXT = OTHER_TYPES.map(lambda value: (value, None))
ANY_TEXT = TEXT | HALF_A_PAIR | NO_TEXT
DURATION = st.integers(1, 2**31 - 1).map(lambda ms: (ms, ms)) | st.sampled_from(
    [(value, None) for value in (0, -1, 2**31, 2**63, 10**400, 1.5, "7", True, None)]
)
POPULARITY = st.sampled_from(
    [(0, 0), (100, 100), (-1, None), (-(2**63), None), (2**63, None), ("9", None), (float("nan"), None)]
)
RELEASED = st.sampled_from(["0000", "1984", "1984-05", "1984-05-31", "9999"]).map(lambda text: (text, text))
EXPLICIT = st.sampled_from([(True, True), (False, False), (1, None), ("true", None), (None, None)])
FIRST_MS, LAST_MS = 1_136_073_600_000, 1_795_305_600_000
"""From 2006-01-01 to 2026-11-22."""
PLAYED_AT = st.integers(FIRST_MS, LAST_MS).map(
    lambda ms: (
        f"{EPOCH + timedelta(milliseconds=ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z",
        EPOCH + timedelta(milliseconds=ms),
    )
)
NOT_PLAYED = st.sampled_from(
    ["", "now", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", None, 7, "2026-11-22", "\ud800"]
)
TRACK_ID = st.text(min_size=1, max_size=4).filter(str.strip).map(lambda text: (text, text)) | st.sampled_from(
    [("\ud800", "?"), ("a,b", "a,b")]
)


@st.composite
def plays(draw):
    """An item of a page, and the row that it is; a missing field is one of another type."""

    def put(target, name, strategy):
        sent, kept = draw(strategy)
        if sent is not None or draw(st.booleans()):
            target[name] = sent
        return kept

    track, album, artist, context, item = {}, {}, {}, {}, {}
    row = {
        "track_id": put(track, "id", TRACK_ID),
        "track_name": put(track, "name", ANY_TEXT),
        "artist_id": put(artist, "id", ANY_TEXT),
        "artist_name": put(artist, "name", ANY_TEXT),
        "album_id": put(album, "id", ANY_TEXT),
        "album_name": put(album, "name", ANY_TEXT),
        "album_release_date": put(album, "release_date", RELEASED | ANY_TEXT.map(lambda pair: (pair[0], None))),
        "duration_ms": put(track, "duration_ms", DURATION),
        "popularity": put(track, "popularity", POPULARITY),
        "explicit": put(track, "explicit", EXPLICIT),
        "context_type": put(context, "type", ANY_TEXT),
        "context_uri": put(context, "uri", ANY_TEXT),
        "played_at": put(item, "played_at", PLAYED_AT),
    }
    row["artist_names"] = row["artist_name"]
    if row["track_name"] is None:
        row |= {"popularity": None, "explicit": None}
    track |= {"artists": [artist], "album": album}
    return item | {"track": track, "context": context}, row


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def no_plays(draw):
    """An item that has no identity as a play, and why."""
    item, _ = draw(plays())
    match draw(st.integers(0, 3)):
        case 0:
            return draw(JSON.filter(lambda value: not isinstance(value, dict) or "track" not in value))
        case 1:
            return item | {"track": draw(JSON.filter(lambda value: not isinstance(value, dict) or not value.get("id")))}
        case 2:
            return item | {"played_at": draw(NOT_PLAYED)}
        case _:
            return item | {
                "track": item["track"] | {"type": draw(st.sampled_from(["episode", "\x1b]0;x\x07", "", 0, {}]))}
            }


PAGE = st.lists(
    plays().map(lambda pair: ("play", *pair)) | no_plays().map(lambda item: ("other", item, None)),
    min_size=8,
    max_size=12,
)


@settings(max_examples=12)  # pages are what costs time, and each has many items
@example([("other", {"track": {"id": "x", "type": "e" * 100_000}}, None)])
@given(PAGE)
def test_every_play_of_any_page_reaches_the_warehouse_as_the_page_said_it(way, page):
    quarantined = set(way.loading.quarantined())
    answer, run_id = way.fetch([item for _, item, _ in page])

    expected: dict[tuple[datetime, str], dict[str, Any]] = {}
    for kind, _, row in page:
        if kind == "play" and (key := (row["played_at"], row["track_id"])) not in way.stored:
            expected.setdefault(key, row)
    way.stored |= expected
    stored = {(row["played_at"], row["track_id"]): row for row in way.plays(run_id)}
    assert {key: {name: row[name] for name in expected.get(key, row)} for key, row in stored.items()} == expected
    assert {row["listener_id"] for row in stored.values()} <= {"ada"}
    others = sum(kind == "other" for kind, *_ in page)
    met_first = set(way.loading.quarantined()) - quarantined
    assert len(met_first) <= others
    assert (f"{len(met_first)} item" in answer["reason"]) == bool(met_first)
    assert way.outcome(run_id) == [("ingest", None), *([("load", None)] if expected else [])]
    assert answer["listeners"]["ada"]["fetched"] == len(page)
    # What is quarantined once is not written again, and what a page says is in no file but as data.
    assert [name for name in met_first if not re.fullmatch(r"items/ada/[0-9a-f]{16}\.json", name)] == []


@pytest.mark.parametrize("levels", [40, 400, 900, 100_000])
def test_an_item_nested_without_end_breaks_no_run(way, monkeypatch, levels):
    monkeypatch.setattr("http_client._FIRST_WAIT_SECONDS", 0.001)
    # The id keeps it apart from the items of other depths, as what is quarantined has a bounded depth.
    way.page = b'{"items": [{"track": {"id": "%d", "name": %b%b}}]}' % (levels, b"[" * levels, b"]" * levels)
    answer = way.ingest.post("/", headers={"X-CloudScheduler-ScheduleTime": next(SLOTS).isoformat()})
    # How deep Python reads differs with its version: then it is one item that is not a play, else no page at all.
    body = answer.get_json()
    assert (answer.status_code, body["listeners"]["ada"]["error_class"]) in [(200, None), (503, "UnreadableAnswer")]
    assert levels > 400 or "1 item could not be read" in body["reason"]


@settings(max_examples=40)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_answers_instead_of_a_page_costs_one_listener_one_hour(way, body):
    way.page = body
    slot = next(SLOTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("http_client._FIRST_WAIT_SECONDS", 0.001)
        response = way.ingest.post("/", headers={"X-CloudScheduler-ScheduleTime": slot.isoformat()})
    body = response.get_json()
    assert (response.status_code, body["state"]) in [(503, "failed"), (200, "succeeded"), (200, "skipped")]
    if body["state"] == "failed":
        assert body["listeners"]["ada"]["error_class"] in ("UnreadableAnswer", "SpotifyUnavailable")


VALUES = {
    "STRING": st.text(st.characters(codec="utf-8") | st.sampled_from('",\n\r;|\0 '), max_size=6)
    | st.sampled_from(NASTY),
    "INTEGER": st.integers(-(2**63), 2**63 - 1),
    "FLOAT": st.floats(),
    "BOOLEAN": st.booleans(),
    "TIMESTAMP": st.integers(-62_135_596_800_000, 253_402_300_799_999).map(
        lambda ms: EPOCH + timedelta(milliseconds=ms)
    ),
}
"""All that the columns' types can hold."""
FILE = json.loads((ROOT / "functions/ingest/tables/plays.json").read_text())
TABLE, BOUNDS = {column["name"]: column for column in FILE["columns"]}, FILE["bounds"]


def inside(name):
    """Values within the bounds of a column."""
    match BOUNDS.get(name):
        case {"pattern": pattern}:
            return st.from_regex(pattern, fullmatch=True)
        case {"seconds_ahead": _}:
            return st.integers(FIRST_MS, LAST_MS).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
        case {"minimum": least, "maximum": most}:
            return (st.floats if TABLE[name]["type"] == "FLOAT" else st.integers)(least, most)
    return VALUES[TABLE[name]["type"]]


def may_be(name, value):
    match BOUNDS.get(name):
        case {"pattern": pattern}:
            return re.fullmatch(pattern, value) is not None
        case {"seconds_ahead": ahead}:
            return EPOCH + timedelta(milliseconds=FIRST_MS) <= value <= datetime.now(UTC) + timedelta(seconds=ahead)
        case {"minimum": least, "maximum": most}:
            return least <= value <= most
    return True


ROW = st.fixed_dictionaries(
    {
        name: inside(name)
        | inside(name)
        | VALUES[column["type"]]
        | (st.nothing() if column["mode"] == "REQUIRED" else st.none())
        for name, column in TABLE.items()
    }
)


@settings(max_examples=16)
@given(
    st.lists(
        ROW, min_size=1, max_size=12, unique_by=lambda row: (row["listener_id"], row["played_at"], row["track_id"])
    )
)
def test_any_rows_come_out_of_the_warehouse_as_they_went_into_the_csv_or_without_what_cannot_be(way, rows):
    run_id = f"{next(SLOTS):%Y%m%dT%H%M%SZ}"
    # No example may meet a play of another.
    rows = [row | {"run_id": run_id, "listener_id": run_id.lower() + row["listener_id"]} for row in rows]
    way.loading.begin_imports(*{row["import_id"] for row in rows} - {None})
    way.loading.land(to_csv(rows), object_name(run_id))
    way.load()

    def key(row):
        return row["listener_id"].encode(), row["played_at"], row["track_id"].encode()

    bounded = ("listener_id", "played_at", "ingested_at")
    kept = [row for row in rows if all(may_be(name, row[name]) for name in bounded)]
    expected = [
        {name: value if value is None or may_be(name, value) else None for name, value in row.items()} for row in kept
    ]
    assert sorted(way.plays(run_id), key=key) == sorted(expected, key=key)
    assert way.outcome(run_id) == [("load", None if kept == rows else "RowsRefused" if kept else "FileRefused")]
