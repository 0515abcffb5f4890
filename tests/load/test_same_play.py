"""A play that Spotify tells twice, by its API and in an export, is one row, whichever came first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.load.loading import RUN, csv_of, ledger_row, play

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
TRACK, OTHER = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"
IMPORT, IMPORT_ID = "20261122T120001Z", "20261122T140005Z"


def at(seconds):
    return NINE + timedelta(seconds=seconds)


def from_api(seconds, track=TRACK, **values):
    known = {"track_name": "One", "artist_name": "Ada", "duration_ms": 200_000, "isrc": "GBAAA2100001"}
    return play(0, track=track, **{"played_at": at(seconds), **known, **values})


def from_export(seconds, track=TRACK, ms_played=180_000, **values):
    told = {"track_name": "One", "artist_name": "Ada", "ms_played": ms_played, "source": "export"}
    told |= {"import_id": IMPORT_ID, "ms_played_import_id": IMPORT_ID}
    return play(0, track=track, **{"played_at": at(seconds), "run_id": IMPORT, **told, **values})


def name_of(run_id):
    return f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"


def land(loading, *rows):
    """Each call is another run's file."""
    land.count += 1
    loading.land(csv_of(*rows), name_of(f"20261123T{land.count // 60:02}{land.count % 60:02}01Z"))
    assert loading.deliver() == [200]


land.count = 0


def merged(api, export):
    """The one row of both, whichever came first."""
    return {**api, "ms_played": export["ms_played"], "ms_played_import_id": export["import_id"]}


@pytest.mark.parametrize("api_first", [True, False])
@pytest.mark.parametrize(
    ("export", "why"),
    [
        (from_export(10), "the same second"),
        (from_export(99.9), "90 seconds apart, less the fraction"),
        (from_export(-80), "90 seconds before"),
        (from_export(10, ms_played=30_000), "heard just long enough"),
        (from_export(12, track=OTHER), "another id of the same title and artist"),
        (from_export(12, track=OTHER, track_name="ONE", artist_name="ada"), "in capitals"),
    ],
)
def test_the_two_tellings_of_one_play_are_one_row(loading, api_first, export, why):
    api = from_api(10)
    first, second = (api, export) if api_first else (export, api)
    land(loading, first)
    land(loading, second)

    assert loading.plays() == [merged(api, export)], why
    (row,) = [row for row in loading.ledger() if "completed" in row["reason"]]
    assert (row["reason"], row["rows_new"], row["details"]) == (
        "Of 1 play in the file none were new and 1 completed a stored play.",
        1,
        {"new": 0, "completed": 1, "known": 0},
    )
    loading.receive()
    for again in (api, export):
        land(loading, again)
    assert loading.plays() == [merged(api, export)], "told again, in any order, nothing changes"
    assert loading.receive() == []


@pytest.mark.parametrize("api_first", [True, False])
def test_names_that_the_api_has_emptied_are_as_the_export_has_them(loading, api_first):
    names = {"track_name": "One", "artist_name": "Ada", "album_name": "Of the export"}
    api, export = from_api(10, track_name=None, artist_name=None), from_export(12, **names)
    first, second = (api, export) if api_first else (export, api)
    land(loading, first)
    land(loading, second)
    assert loading.plays() == [merged(api, export, first) | names]


@pytest.mark.parametrize("api_first", [True, False])
@pytest.mark.parametrize(
    ("export", "why"),
    [
        (from_export(101), "91 seconds apart"),
        (from_export(11, ms_played=29_999), "too short to be shown by the API"),
        (from_export(10, listener="bob"), "another listener"),
        (from_export(10, track=OTHER, track_name="Two"), "another title"),
        (from_export(10, track=OTHER, artist_name="Bob"), "another artist"),
        (from_export(10, track=OTHER, track_name=None), "an unknown title is not equal to anything"),
    ],
)
def test_what_could_be_two_plays_stays_two_rows(loading, api_first, export, why):
    api = from_api(10)
    for row in (api, export) if api_first else (export, api):
        land(loading, row)
    expected = sorted([api, export], key=lambda row: (row["played_at"], row["listener_id"], row["track_id"]))
    assert loading.plays() == expected, why


def test_repeats_of_a_track_are_matched_one_to_one_each_with_its_nearest(loading):
    """A minute of noise in a loop: the API shows two of the four plays."""
    exports = [from_export(60 * number, ms_played=60_000 - number) for number in range(4)]
    api = [from_api(60 - 14.5), from_api(180 - 14.5)]
    land(loading, *api)
    land(loading, *exports)

    one, three = merged(api[0], exports[1]), merged(api[1], exports[3])
    assert loading.plays() == [exports[0], one, exports[2], three]
    assert loading.ledger()[-1]["details"] == {"new": 2, "completed": 2, "known": 0}


def test_the_same_id_counts_for_more_than_a_smaller_distance(loading):
    relinked, same = from_export(11, track=OTHER), from_export(40)
    land(loading, from_api(10))
    land(loading, relinked, same)

    assert loading.plays() == [merged(from_api(10), same), relinked]


def test_a_stored_time_heard_is_never_overwritten(loading):
    """The play that taught it is not in this file; the one that is there is another."""
    api, first, second = from_api(0), from_export(0, ms_played=90_000), from_export(60, ms_played=50_000)
    land(loading, api)
    land(loading, first)
    land(loading, second)

    assert loading.plays() == [merged(api, first), second]


def test_a_file_of_many_years_is_one_ledger_row_with_what_became_of_its_rows(loading):
    land(loading, from_api(0), from_api(1000))
    loading.receive()
    loading.land(
        csv_of(from_export(0), from_export(1000), from_export(-300_000_000), from_export(1000)), name_of(IMPORT)
    )
    assert loading.deliver() == [200]

    told = [row for row in loading.ledger() if row["run_id"] == IMPORT]
    slot = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
    reason = "Of 4 plays in the file 1 was new and 2 completed a stored play."
    assert told == [ledger_row("succeeded", reason, 4, 3, 1, completed=2, run_id=IMPORT, slot=slot)]
    assert [message["rows_new"] for message in loading.receive()] == [3]
    assert len(loading.plays()) == 3
    assert RUN in {row["run_id"] for row in loading.plays()}


@st.composite
def tellings(draw):
    """True plays of two tracks, and which of them the API shows; its clock is up to 14 s off, within one track."""
    gaps = draw(st.lists(st.integers(30, 400), min_size=1, max_size=12))
    off_ms = draw(st.integers(-14_000, 14_000))
    plays, ended = [], 0
    for gap in gaps:
        ended += gap
        plays.append((ended, draw(st.sampled_from([TRACK, OTHER])), draw(st.booleans())))
    exports = [from_export(end, track, ms_played=30_000 + end, track_name=track) for end, track, _ in plays]
    api = [
        from_api(end + off_ms / 1000, track, track_name=track, played_at=at(end) + timedelta(milliseconds=off_ms + 7))
        for end, track, is_shown in plays
        if is_shown
    ]
    files = [*_cut(draw, api), exports, *_cut(draw, exports)]
    return plays, draw(st.permutations(files))


def _cut(draw, rows):
    """Pages overlap; so may files of an export, but each is a stretch without holes."""
    first, last = sorted(draw(st.lists(st.integers(0, len(rows)), min_size=2, max_size=2)))
    return [file for file in (rows[:last], rows[first:]) if file]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=tellings())
def test_files_of_the_api_and_of_an_export_in_any_order_give_one_row_per_true_play(loading, told):
    plays, files = told
    loading.warehouse.query_and_wait("DELETE FROM listening.plays WHERE TRUE")
    for rows in files:
        land(loading, *rows)
    stored = loading.plays()
    assert len(stored) == len(plays)
    assert sorted((row["ms_played"], row["track_id"], row["source"] == "api") for row in stored) == sorted(
        (30_000 + end, track, is_shown) for end, track, is_shown in plays
    )
