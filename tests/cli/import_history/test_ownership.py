"""Whether files are of one person. Without any network."""

from array import array
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cli.commands.import_history.ownership import Share, find_mixed, find_two_people, shares
from cli.commands.import_history.reading.every_row import FilePlays
from cli.commands.import_history.reading.play_times import dated
from cli.commands.import_history.reading.plays import Rows
from cli.commands.import_history.reading.spotify_rows import ExportedPlay

MINUTE_MS = 60_000


def file(minutes, name="f", package="here", number=None, tracks="mine"):
    """Plays of three minutes each that ended at these minutes."""
    plays = FilePlays(name, package, False, number)
    plays.instants.extend(minute * MINUTE_MS for minute in minutes)
    plays.tracks.extend(hash(f"{tracks} {minute}") for minute in minutes)
    plays.played_ms.extend(3 * MINUTE_MS for _ in minutes)
    return plays


@pytest.mark.parametrize(
    ("one", "other", "are_two"),
    [
        pytest.param(file(range(0, 60, 4)), file(range(1, 61, 4), tracks="others"), True, id="the same hour"),
        pytest.param(file(range(0, 60, 4)), file(range(100, 160, 4), tracks="others"), False, id="one after the other"),
        pytest.param(file(range(0, 60, 4)), file(range(0, 100, 4)), False, id="two exports of one person"),
        pytest.param(file(range(0, 60, 8)), file(range(4, 64, 8)), False, id="files that are not cut by time"),
        pytest.param(file(range(0, 36, 4)), file(range(1, 37, 4), tracks="others"), False, id="too few to tell"),
        pytest.param(
            file(range(0, 60, 4), number=0), file(range(1, 61, 4), number=1, tracks="others"), True, id="one folder"
        ),
        pytest.param(
            file(range(0, 60, 4), number=0, package="anna"),
            file(range(1, 61, 4), number=1, package="ben", tracks="others"),
            True,
            id="two folders",
        ),
        pytest.param(
            file(range(0, 8000, 8)),
            file([*range(1, 96, 8), *range(100, 8000, 8)], tracks="others"),
            False,
            id="one play in eighty",
        ),
        pytest.param(
            file(range(0, 8000, 8)),
            file([*range(1, 560, 8), *range(564, 8000, 8)], tracks="others"),
            True,
            id="one play in fourteen, none inside a file",
        ),
        pytest.param(
            file(sorted([*range(0, 8000, 8), *range(1, 560, 8)])),
            file([*range(1, 560, 8), *range(564, 8000, 8)], tracks="others"),
            False,
            id="as often as inside one of the files",
        ),
        pytest.param(
            file(range(0, 4000, 4)),
            file([*range(1, 48, 4), *range(48, 4000, 4)]),
            False,
            id="an export requested again with other values in twelve rows",
        ),
        pytest.param(
            file(range(0, 600, 3)),
            file(range(0, 600, 3), tracks="relinked"),
            False,
            id="the same plays under other ids",
        ),
        pytest.param(
            file([*range(0, 400, 4), *[401] * 75]),
            file([0, 402], tracks="others"),
            False,
            id="a trip offline that was reported during a video",
        ),
    ],
)
def test_plays_at_the_same_time_are_of_two_people(one, other, are_two):
    assert find_two_people([one, file([]), other]) == ((one, other) if are_two else None)


def history(minutes, ms_played=180_000, track="a"):
    ends = [datetime(2024, 5, 1, tzinfo=UTC) + timedelta(minutes=minute) for minute in minutes]
    return [ExportedPlay(end, track, None, None, None, ms_played) for end in ends]


MINE, OTHERS = history(range(0, 4000, 4)), history(range(1, 4001, 4), track="b")


@pytest.mark.parametrize(
    ("plays", "are_two"),
    [
        pytest.param([*MINE, *OTHERS], True, id="both listened all the time"),
        pytest.param([*MINE, *OTHERS[:200]], True, id="the other one for a part of it"),
        pytest.param(MINE, False, id="one person"),
        pytest.param([*MINE, *OTHERS[::12]], False, id="one play in twelve lies over another"),
        pytest.param([*MINE[:20], *OTHERS[:20]], False, id="too few to tell"),
        pytest.param(
            [*MINE, *(play._replace(played_at=play.played_at + timedelta(seconds=6)) for play in MINE[::3])],
            False,
            id="one play in three recorded twice",
        ),
        pytest.param([*MINE, *history(range(1, 4001, 4), 9_000, "b")], False, id="skipped after seconds"),
        pytest.param(
            [play for number in range(100) for play in history([0], track=str(number))], False, id="one ts offline"
        ),
    ],
)
def test_a_file_of_two_histories_is_noticed_where_plays_lie_over_each_other(plays, are_two):
    found = find_mixed(dated(Rows(plays)))
    assert (found is not None) == are_two
    if found:
        assert found.beside * 5 >= found.plays


def test_a_file_is_compared_in_the_hours_of_which_plays_are_stored_only():
    stored = [(minute * MINUTE_MS + 800, hash(f"mine {minute}")) for minute in [*range(0, 60, 4), *range(600, 660, 4)]]
    mine = file([*range(0, 60, 4), *range(200, 300, 4)], "mine")
    private = file([2, 6, *range(0, 60, 4)], "private")
    strange = file([*range(1, 57, 4), *range(200, 300, 4), *range(601, 657, 4)], "strange", tracks="others")
    trip = replace(mine, name="trip", late_ms=600 * MINUTE_MS)
    trip.instants = array("q", (instant + 600 * MINUTE_MS for instant in mine.instants))
    videos = FilePlays("videos", "here", is_video=True, instants=strange.instants, tracks=strange.tracks)
    assert shares([mine, trip, private, strange, videos], stored) == [
        Share("mine", 15, 15),
        Share("trip", 15, 15),
        Share("private", 17, 15),
        Share("strange", 28, 0),
        Share("videos", 0, 0),
    ]
