"""What closes a gap: evidence. Without any network."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.commands.import_history.reading.coverage import Gap, closings
from cli.commands.import_history.reading.every_row import FilePlays, read
from cli.commands.import_history.reading.plays import to_instant, to_ms
from cli.commands.import_history.reading.spotify_files import ExportFile

DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE_MS = 60_000


def ms(minutes):
    return to_ms(DAY) + round(minutes * MINUTE_MS)


def file(minutes, number=None, package="here", is_video=False, doubts=()):
    """Plays that ended so many minutes after the day began, each of a track of its own."""
    plays = FilePlays("f", package, is_video, number, doubts=set(doubts))
    plays.instants.extend(ms(minute) for minute in minutes)
    plays.tracks.extend(hash(str(minute)) for minute in minutes)
    plays.played_ms.extend(3 * MINUTE_MS for _ in minutes)
    return plays


def gap(start, end):
    return Gap(to_instant(ms(start)), to_instant(ms(end)), "20260302T100000Z", DAY)


def left(gaps, files, stored=()):
    """Minutes of what stays open."""
    found = {closing.gap: closing.left for closing in closings(gaps, files, sorted(stored))}
    spans = [span for each in gaps for span in found.get(each, [(to_ms(each.gap_start), to_ms(each.gap_end))])]
    return [tuple((edge - to_ms(DAY)) / MINUTE_MS for edge in span) for span in spans]


EVERY_FOUR = [*range(0, 600, 4)]
"""Minutes of ten hours of music."""


@pytest.mark.parametrize(
    ("files", "open_minutes"),
    [
        pytest.param([file(EVERY_FOUR)], [], id="plays before, inside and after"),
        pytest.param([file(range(120, 600, 4))], [(100, 121.5)], id="none before"),
        pytest.param([file(range(0, 161, 4))], [(158.5, 200)], id="none after"),
        pytest.param([file([*range(0, 100, 4), *range(204, 600, 4)])], [(100, 200)], id="none inside"),
        pytest.param([], [(100, 200)], id="no file"),
        pytest.param([file(range(0, 150, 4), 0), file(range(152, 600, 4), 1)], [], id="numbers that follow"),
        pytest.param(
            [file(range(0, 150, 4), 0), file(range(152, 600, 4), 2)], [(146.5, 153.5)], id="a number is missing"
        ),
        pytest.param([file(range(0, 150, 4)), file(range(152, 600, 4))], [(146.5, 153.5)], id="files without numbers"),
        pytest.param(
            [file(range(0, 150, 4), 0, "old"), file(range(152, 600, 4), 1, "new")],
            [(146.5, 153.5)],
            id="numbers of two packages",
        ),
        pytest.param(
            [file(range(0, 150, 4), 0), file(range(152, 600, 4), 1), file(range(152, 600, 4), 1)],
            [(146.5, 153.5)],
            id="a number that is there twice",
        ),
        pytest.param([file(EVERY_FOUR, doubts={40})], [(154.5, 161.5)], id="a row that cannot be stored"),
        pytest.param(
            [file(range(0, 150, 4), 0, doubts={38}), file(range(152, 600, 4), 1)],
            [(146.5, 153.5)],
            id="a file that ends too soon",
        ),
        pytest.param([file(EVERY_FOUR, is_video=True)], [(100, 200)], id="videos only"),
        pytest.param([file(EVERY_FOUR), file([3], is_video=True)], [], id="videos in a file without a number"),
        pytest.param(
            [file(EVERY_FOUR, 0), file([3], 0, is_video=True), file([], 1, is_video=True)], [], id="all files of videos"
        ),
        pytest.param(
            [file(EVERY_FOUR), file([3], 1, is_video=True)], [(100, 200)], id="the first video file is missing"
        ),
        pytest.param(
            [file(EVERY_FOUR), file([3], 0, is_video=True), file([590], 2, is_video=True)],
            [(100, 200)],
            id="a video file is missing between others",
        ),
        pytest.param(
            [file(EVERY_FOUR), file([3], 1, "old", is_video=True)], [], id="one of another package is missing"
        ),
        pytest.param([file([*EVERY_FOUR[::2], *EVERY_FOUR[1::2]])], [(100, 200)], id="not in the order of time"),
        pytest.param(
            [file(EVERY_FOUR[::2], 0), file(EVERY_FOUR[1::2], 1)], [(100, 200)], id="files that are not cut by time"
        ),
        pytest.param([file(EVERY_FOUR, 0), file(EVERY_FOUR, 0)], [], id="the same file twice"),
        pytest.param(
            [file(range(0, 150, 4)), file(range(140, 600, 4))], [], id="two exports that overlap by ten minutes"
        ),
        pytest.param(
            [file(range(0, 150, 4), 0), file([], 1), file(range(152, 600, 4), 2)], [], id="a file of podcasts between"
        ),
    ],
)
def test_a_gap_is_closed_only_where_the_files_hold_everything(files, open_minutes):
    assert left([gap(100, 200)], files) == open_minutes


def trip(minutes, number, online=None):
    """As the export has plays of every fourth minute: those from 100 to 340 had no connection until minute 400.

    The play of the minute `online` had one.
    """
    rows = (
        {
            "ts": (DAY + timedelta(minutes=400 if 100 <= minute <= 340 and minute != online else minute)).isoformat(),
            "ms_played": 3 * MINUTE_MS,
            "spotify_track_uri": f"spotify:track:{minute:022d}",
            "offline_timestamp": ms(minute - 3) // 1000,
        }
        for minute in minutes
    )
    in_order = sorted(rows, key=lambda row: row["ts"])
    return ExportFile(f"endsong_{number}.json", "here", False, number, in_order)


@pytest.mark.parametrize(
    ("files", "open_minutes"),
    [
        ([trip([*range(0, 344, 4), *range(404, 600, 4)], 0)], []),
        ([trip(range(0, 240, 4), 0), trip([*range(240, 344, 4), *range(404, 600, 4)], 1)], []),
        ([trip(range(0, 240, 4), 0)], [(100, 200)]),
        ([trip(range(0, 240, 4), 0, online=148)], [(100, 200)]),
    ],
)
def test_a_trip_offline_closes_the_gap_in_which_its_plays_ended_unless_a_file_ends_in_it(files, open_minutes):
    reading = read(files, DAY)
    assert len(reading.plays) == reading.rows
    assert left([gap(100, 200)], reading.files) == open_minutes


def test_a_pause_longer_than_the_listeners_usual_ones_stays_open():
    hours = [day * 24 * 60 + minute for day in range(30) for minute in (0, 4, 300, 304, 700, 704)]
    whole = gap(14 * 1440 + 302, 17 * 1440 + 2)
    assert left([whole], [file(hours)]) == []
    without_a_day = [minute for minute in hours if minute // 1440 != 15]
    assert left([whole], [file(without_a_day)]) == [(14 * 1440 + 702.5, 16 * 1440 + 1.5)]


def test_for_a_listener_who_mostly_pauses_for_days_a_pause_of_days_is_usual():
    assert left([gap(8.5 * 4320, 12 * 4320 + 2)], [file([n * 4320 for n in range(30)])]) == []


def test_an_export_that_lacks_the_plays_stored_around_a_gap_closes_nothing():
    around = [(ms(minute + 1), hash(str(minute))) for minute in (80, 84, 100, 200, 204)]
    strange = [(instant, hash(f"strange {track}")) for instant, track in around]
    assert left([gap(100, 200)], [file(EVERY_FOUR)], around) == []
    assert left([gap(100, 200)], [file(EVERY_FOUR)], strange) == [(100, 200)]


def test_what_is_left_is_a_gap_that_the_same_files_leave_as_it_is():
    files = [file(range(0, 150, 4), 0), file(range(152, 600, 4), 2)]
    assert left([gap(146.5, 153.5)], files) == [(146.5, 153.5)]
    assert left([gap(146.5, 153.5)], [file(EVERY_FOUR)]) == []


@st.composite
def lives(draw):
    """A life in sessions; what the API showed of it; the files of its export."""
    lengths = draw(st.lists(st.integers(31, 600), min_size=12, max_size=60))
    pauses = draw(st.lists(st.sampled_from([0, 0, 0, 0, 5, 40, 2000, 30_000, 200_000]), min_size=60, max_size=60))
    seconds, plays = 0, []
    for length, pause in zip(lengths, pauses, strict=False):
        seconds += length + pause
        plays.append(seconds)
    pages = draw(st.lists(st.tuples(st.integers(0, len(plays) - 1), st.integers(1, 8)), min_size=2, max_size=6))
    shown = sorted({index for start, count in pages for index in range(start, min(start + count, len(plays)))})
    cuts = sorted(draw(st.sets(st.integers(1, len(plays) - 1), max_size=8)))
    parts = [range(first, last) for first, last in pairwise([0, *cuts, len(plays)])]
    offset = draw(st.integers(-1000, 19_000))
    return plays, shown, parts, offset


@settings(max_examples=100)
@given(lives(), st.data())
def test_whatever_part_of_an_export_is_imported_in_any_order_what_is_lost_is_inside_a_gap(life, data):
    plays, shown, parts, offset = life
    start = to_ms(DAY)
    api = [start + 1000 * second for second in plays]
    gaps = [
        Gap(to_instant(api[a]), to_instant(api[b]), "20260302T100000Z", DAY) for a, b in pairwise(shown) if b > a + 1
    ]
    numbered, known = data.draw(st.booleans()), set(shown)
    kept = data.draw(st.permutations(range(len(parts))))[: data.draw(st.integers(0, len(parts)))]
    calls = [kept] if data.draw(st.booleans()) else [[number] for number in kept]
    for call in calls:
        files = []
        for number in call:
            plays_of_file = FilePlays(str(number), "here", False, number if numbered else None)
            for index in parts[number]:
                plays_of_file.instants.append((api[index] + offset) // 1000 * 1000)
                plays_of_file.tracks.append(hash(index))
            files.append(plays_of_file)
        stored = sorted((api[index], hash(index)) for index in known)
        for closing in closings(gaps, files, stored):
            gaps.remove(closing.gap)
            gaps += [Gap(to_instant(first), to_instant(last), "r", DAY) for first, last in closing.left]
        known |= {index for number in call for index in parts[number]}
    between = range(shown[0], shown[-1])
    lost = [api[index] for index in between if index not in known]
    assert all(any(to_ms(each.gap_start) <= instant <= to_ms(each.gap_end) for each in gaps) for instant in lost)
    if set(kept) == set(range(len(parts))) and numbered and len(calls) == 1:
        assert not lost
