import copy
import json
from datetime import UTC, datetime

import pytest

from plays import RefusedItem, parse_page
from tests.ingest.items import FULL_ITEM, FULL_ROW, RUN, item, row

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def rows_of(*items):
    rows, refused = parse_page(items, "ada", RUN)
    assert refused == []
    return rows


def changed(**changes):
    """The full item with parts of its track replaced."""
    spoilt = copy.deepcopy(FULL_ITEM)
    spoilt["track"].update(changes)
    return spoilt


def test_a_full_item_becomes_a_full_row_in_the_order_of_the_table():
    (parsed,) = rows_of(FULL_ITEM)
    assert parsed == FULL_ROW
    assert list(parsed) == list(FULL_ROW)


def test_an_item_with_nothing_but_its_identity_is_a_play_with_everything_else_null():
    assert rows_of(item("2026-11-22T09:00:00.000Z", "a")) == [row(NINE, "a")]


def test_what_spotify_no_longer_sends_to_new_apps_is_null_and_costs_nothing_else():
    page = json.loads(json.dumps(FULL_ITEM))
    del page["track"]["popularity"], page["track"]["external_ids"], page["context"]
    expected = FULL_ROW | {"popularity": None, "isrc": None, "context_type": None, "context_uri": None}
    assert rows_of(page) == [expected]


def test_unknown_fields_are_ignored():
    assert rows_of(FULL_ITEM | {"never_seen": {"deep": [1]}}) == [FULL_ROW]
    assert rows_of(changed(never_seen=[1])) == [FULL_ROW]


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"type": None}, {}),
        ({"name": 7}, {"track_name": None, "explicit": None, "popularity": None}),
        ({"duration_ms": "200281"}, {"duration_ms": None}),
        ({"duration_ms": True}, {"duration_ms": None}),
        ({"duration_ms": 2**63}, {"duration_ms": None}),
        ({"duration_ms": 2**31}, {"duration_ms": None}),
        ({"duration_ms": -1}, {"duration_ms": None}),
        ({"duration_ms": 0}, {"duration_ms": None}),
        ({"popularity": 101}, {"popularity": None}),
        ({"explicit": "no"}, {"explicit": None}),
        ({"popularity": None}, {"popularity": None}),
        ({"external_ids": []}, {"isrc": None}),
        ({"artists": []}, {"artist_id": None, "artist_name": None, "artist_names": None}),
        ({"artists": [None]}, {"artist_id": None, "artist_name": None, "artist_names": None}),
        (
            {"artists": [{"id": "x"}, {"id": "y", "name": "Y"}]},
            {"artist_id": "x", "artist_name": None, "artist_names": "Y"},
        ),
        (
            {"album": None},
            {"album_id": None, "album_name": None, "album_release_date": None, "image_url": None},
        ),
        (
            {"album": {"id": "b", "images": [{"url": "first", "width": None}, {"url": "second"}]}},
            {"album_id": "b", "album_name": None, "album_release_date": None, "image_url": "first"},
        ),
        ({"name": ""}, {"track_name": None, "explicit": None, "popularity": None}),
        ({"name": " \u3000\n"}, {"track_name": None, "explicit": None, "popularity": None}),
        (
            {"artists": [{"id": "", "name": ""}, {"id": "y", "name": "Y"}]},
            {"artist_id": None, "artist_name": None, "artist_names": "Y"},
        ),
        (
            {"album": {"id": "b", "name": "", "release_date": "", "images": [{"url": "", "width": 640}]}},
            {"album_id": "b", "album_name": None, "album_release_date": None, "image_url": None},
        ),
        (
            {"album": {"id": "b", "images": [{"url": None, "width": 640}, {"url": "small", "width": 64}]}},
            {"album_id": "b", "album_name": None, "album_release_date": None, "image_url": "small"},
        ),
        ({"external_ids": {"isrc": ""}}, {"isrc": None}),
        ({"external_ids": {"isrc": "no ISRC"}}, {"isrc": None}),
        ({"external_ids": {"isrc": "GB-AAA-21-00001"}}, {}),
        ({"external_ids": {"isrc": " gbaaa 2100001"}}, {}),
        ({"name": "half a \ud83d pair"}, {"track_name": "half a ? pair"}),
    ],
)
def test_what_is_missing_or_of_another_type_is_null_and_the_play_is_kept(changes, columns):
    assert rows_of(changed(**changes)) == [FULL_ROW | columns]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T09:00:00.863Z", NINE.replace(microsecond=863_000)),
        ("2026-11-22T09:00:00Z", NINE),
        ("2026-11-22T09:00:00.8Z", NINE.replace(microsecond=800_000)),
        ("2026-11-22T09:00:00.863999Z", NINE.replace(microsecond=863_000)),
        ("2026-11-22T10:00:00.000+01:00", NINE),
    ],
)
def test_played_at_is_kept_in_utc_and_milliseconds_however_it_is_written(text, instant):
    assert rows_of(item(text, "a")) == [row(instant, "a")]


PLAYED_AT = "2026-11-22T09:00:00.000Z"


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ("a text", "the item is not an object"),
        ({"track": None, "played_at": PLAYED_AT}, "track is null or missing"),
        ({"played_at": PLAYED_AT}, "track is null or missing"),
        ({"track": {"id": "e", "type": "episode"}, "played_at": PLAYED_AT}, "it is of the type episode, not a track"),
        ({"track": {"id": None, "is_local": True}, "played_at": PLAYED_AT}, "a local file has no track id"),
        ({"track": {"name": "x"}, "played_at": PLAYED_AT}, "the track has no id"),
        ({"track": {"id": " "}, "played_at": PLAYED_AT}, "the track has no id"),
        ({"track": {"id": ""}, "played_at": PLAYED_AT}, "the track has no id"),
        ({"track": {"id": 7}, "played_at": PLAYED_AT}, "the track has no id"),
        ({"track": {"id": "a"}}, "played_at is missing"),
        (item("yesterday", "a"), "played_at is not an instant"),
        (item("2026-11-22T09:00:00.000", "a"), "played_at has no time zone"),
        (item("0001-01-01T00:00:00+14:00", "a"), "played_at lies before 2006-01-01"),
        (item("9999-12-31T23:59:59-14:00", "a"), "played_at lies in the future"),
        (item("2005-12-31T23:59:59.999Z", "a"), "played_at lies before 2006-01-01"),
        (item("2026-11-23T10:00:04Z", "a"), "played_at lies in the future"),
    ],
)
def test_an_item_without_a_plays_identity_is_refused_with_its_reason_and_the_rest_of_the_page_is_kept(spoilt, reason):
    rows, refused = parse_page([spoilt, FULL_ITEM], "ada", RUN)
    assert rows == [FULL_ROW]
    assert refused == [RefusedItem("ada", spoilt, reason)]


@pytest.mark.parametrize("date", ["1984", "1984-05", "1984-05-31", "0000", "9999-12"])
def test_a_release_date_is_kept_as_precise_as_spotify_writes_it(date):
    (parsed,) = rows_of(changed(album={"release_date": date}))
    assert parsed["album_release_date"] == date


@pytest.mark.parametrize("date", ["", "1.5", "9e9", "inf", "84", "1969-13-45", "1984-5", "1984-05-31 ", "１９８４"])
def test_a_text_that_is_no_release_date_is_null(date):
    (parsed,) = rows_of(changed(album={"release_date": date}))
    assert parsed["album_release_date"] is None


def test_one_play_that_a_page_lists_twice_is_one_row_and_a_repeat_at_another_time_is_another():
    page = [item("2026-11-22T09:00:00.001Z", "a"), item("2026-11-22T09:00:00Z", "a"), item(PLAYED_AT, "a")]
    assert rows_of(*page) == [row(NINE.replace(microsecond=1000), "a"), row(NINE, "a")]
