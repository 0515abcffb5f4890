"""Two exports of one listener that overlap: another year, another time of request, another form. A play is one row."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.commands.import_history import landing
from cli.commands.import_history.reading import play_times
from cli.commands.import_history.reading.plays import Rows
from cli.commands.import_history.reading.spotify_rows import parse_row
from tests.load.harness import play
from tests.load.test_same_play import land

LISTENERS = 8
START = datetime(2022, 5, 1, 9, tzinfo=UTC)
NEWER_ID, OLDER_ID = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"
SONGS = ("One", "Two")


@st.composite
def lives(draw):
    """True plays: the song, when it began, milliseconds played, and how many hours late its `ts` is."""
    began, plays, ends = START, [], set()
    for _ in range(draw(st.integers(1, 6))):
        began += timedelta(seconds=draw(st.integers(1, 400)), milliseconds=draw(st.sampled_from([0, 400, 900])))
        ms_played = draw(st.integers(2_001, 200_000))
        ended = began + timedelta(milliseconds=ms_played)
        hours = draw(st.sampled_from([0, 0, 0, 5]))
        ts = (ended + timedelta(hours=hours)).replace(microsecond=0)
        if ts not in ends:
            ends.add(ts)
            plays.append((draw(st.sampled_from(SONGS)), began, ms_played, ts))
        began = ended
    return plays


FORMS = st.tuples(
    st.sampled_from(["none", "seconds", "rounded up", "milliseconds"]), st.booleans(), st.floats(0, 1), st.floats(0, 1)
)
"""How an export has `offline_timestamp`, whether it has the newer track ids, and which part of the plays it has."""


def exported(plays, beginnings, has_newer_ids, one_edge, other_edge):
    first, last = sorted(round(edge * len(plays)) for edge in (one_edge, other_edge))
    for song, began, ms_played, ts in plays[first:last]:
        began_ms = round(began.timestamp() * 1000)
        seconds = {"none": None, "seconds": began_ms // 1000, "rounded up": -(-began_ms // 1000)}
        yield {
            "ts": f"{ts:%Y-%m-%dT%H:%M:%SZ}",
            "spotify_track_uri": f"spotify:track:{(NEWER_ID if has_newer_ids else OLDER_ID)[:-3]}{song}",
            **{"master_metadata_track_name": song, "master_metadata_album_artist_name": "Ada"},
            **{"ms_played": ms_played, "offline_timestamp": seconds.get(beginnings, began_ms)},
        }


def read(rows):
    return play_times.dated(Rows(parse_row(row, START + timedelta(days=99)) for row in rows))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=st.lists(st.tuples(lives(), FORMS, FORMS), min_size=LISTENERS, max_size=LISTENERS), at_once=st.booleans())
def test_a_play_that_two_exports_have_is_one_row_in_one_import_or_in_two(loading, given_, at_once):
    loading.warehouse.query_and_wait("DELETE FROM listening.plays WHERE TRUE")
    halves = ([], [])
    for number, (plays, *forms) in enumerate(given_):
        exports = [list(exported(plays, *form)) for form in forms]
        for half, rows in zip(halves, [exports[0] + exports[1], []] if at_once else exports, strict=True):
            half += [landing.values_of(each, f"l{number}") for each in read(rows)]
    for number, half in enumerate(halves):
        own = {"import_id": f"2026112{number}T120000Z", "run_id": "r", "ingested_at": START}
        land(loading, *(dict.fromkeys(play(0)) | row | own for row in half))
    stored = [(row["listener_id"], row["reported_at"] or row["played_at"]) for row in loading.plays()]
    expected = {
        (f"l{number}", datetime.fromisoformat(row["ts"]))
        for number, (plays, *forms) in enumerate(given_)
        for form in forms
        for row in exported(plays, *form)
    }
    assert sorted(stored) == sorted(expected)
    assert {row["error_class"] for row in loading.ledger()} <= {None}
