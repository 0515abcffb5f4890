"""`make bench-same-play`, scaled down: its world fits the tables; a play with the time of another one is noticed."""

from datetime import UTC, datetime
from random import Random

from benchmarks.same_play import __main__
from benchmarks.same_play.quirks import NOT_LISTED, live
from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life
from localcloud.listeners.music import invent_catalogue

SINCE, UNTIL = datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def test_three_days_that_the_api_and_an_export_report_are_one_row_per_play():
    outcome = __main__.measure(3, 1, api_first=True, with_beginnings=True)
    assert outcome.plays == outcome.rows > 50
    assert outcome.found == outcome.both
    assert (outcome.precision, outcome.recall) == (1, 1)


def test_a_play_in_two_rows_and_one_with_the_time_of_another_are_distinguished():
    life = Life(invented_listeners(1)[0], invent_catalogue(1), 1)
    true_plays = [
        play for play in live(life, SINCE, UNTIL, Random(1), with_beginnings=True) if play.kind not in NOT_LISTED
    ]
    rows = [
        {
            **{"played_at": play.listed_at, "track_id": play.track.id, "source": "api"},
            **{"ms_played": play.ms_played, "over_at": play.reported_at},
        }
        for play in true_plays[:5]
    ]
    rows[1] |= {"ms_played": None, "over_at": rows[1]["played_at"]}
    rows[2] |= {"ms_played": rows[2]["ms_played"] + 1}
    outcome = __main__.judge(true_plays[:5], rows)
    assert (outcome.both.total(), outcome.found.total(), outcome.wrong.total()) == (5, 3, 1)
    assert (outcome.precision, outcome.recall) == (3 / 4, 3 / 5)
