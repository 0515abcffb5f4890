"""A year in review, and a month of it."""

from datetime import date

import pandas as pd

from analysis import year_review
from analysis.year_review import period_of
from charts import bars
from tests.dashboard.invented.history import NOW, history_of, play, track
from theme import colours_of


def test_a_year_in_review_is_the_whole_calendar_year():
    plays = [
        play("2024-12-31 23:59", "a"),
        play("2025-01-01 00:00", "b"),
        play("2025-12-31 23:59", "b"),
        play("2026-01-01 00:00", "c"),
    ]
    history = history_of(plays)
    local = history.local("UTC")
    review = year_review.review(history, local, period_of(2025, None, "UTC", NOW), "Plays")
    assert (review.totals.plays, review.before.plays) == (2, 1)
    assert review.tops["Tracks"]["key"].tolist() == ["b"]
    assert review.busiest == (date(2025, 12, 31), 1.0)
    assert len(review.months) == 12
    assert review.months.loc[review.months["value"] > 0, "month_on"].dt.month.tolist() == [1, 12]
    assert review.bump[["month_on", "artist_name", "rank"]].values.tolist() == [
        [pd.Timestamp("2025-01-01"), "Ada", 1],
        [pd.Timestamp("2025-12-01"), "Ada", 1],
    ]
    assert year_review.years_of(local, date(2025, 12, 31)) == [2025, 2024, 2026], "what is to come is not the first"


def test_a_year_that_goes_on_ends_with_the_month_that_has_begun():
    history = history_of([play("2026-01-01 00:00", "a")])
    review = year_review.review(history, history.local("UTC"), period_of(2026, None, "UTC", NOW), "Plays")
    assert review.months["month_on"].dt.month.tolist() == list(range(1, 12))


def test_the_months_of_a_year_go_from_the_first_play_to_today():
    local = history_of([play("2024-10-31 23:30", "a")]).local("Europe/Berlin")
    offered = [list(year_review.months_of(local, year, date(2026, 2, 22))) for year in (2024, 2025, 2026)]
    assert offered == [[11, 12], list(range(1, 13)), [1, 2]]


def test_a_year_to_come_that_a_wrong_clock_put_a_play_into_has_all_its_months():
    history = history_of([play("2030-03-05 00:00", "a")])
    review = year_review.review(history, history.local("UTC"), period_of(2030, None, "UTC", NOW), "Plays")
    assert review.months["value"].tolist() == [0, 0, 1, *[0] * 9]
    assert period_of(2030, 3, "UTC", NOW).begun_until == date(2030, 3, 31)


def test_two_artists_of_one_name_are_two_lines():
    tracks = [track("a", artist_id="one", artist_name="Nirvana"), track("b", artist_id="two", artist_name="Nirvana")]
    history = history_of(
        [play("2026-01-01 00:00", "a"), play("2026-01-02 00:00", "a"), play("2026-01-03 00:00", "b")], tracks
    )
    bump = year_review.bump(history, history.local("UTC"), "Plays")
    assert len({name for name, _, glyph, colour in bars.legend_of_bump(bump, colours_of("light"))}) == 1
    assert len({(glyph, colour) for _, _, glyph, colour in bars.legend_of_bump(bump, colours_of("light"))}) == 2
    line = bars.bump(bump, colours_of("light")).to_dict()["layer"][0]["encoding"]
    assert line["color"]["scale"]["domain"] == list(bump["artist_key"])
    assert line["color"]["field"] == "artist_key"


def test_of_artists_with_as_many_milliseconds_the_first_key_has_the_better_place():
    """As numbers of minutes 30 and 35 seconds add up to more than 65."""
    tracks = [track("a"), track("b", artist_id="bo", artist_name="Bo")]
    played = [("a", 65_000), ("b", 30_000), ("b", 35_000)]
    plays = [play(f"2026-01-0{n} 10:00", track_id, ms_played=ms) for n, (track_id, ms) in enumerate(played, start=1)]
    history = history_of(plays, tracks)
    bump = year_review.bump(history, history.local("UTC"), "Minutes")
    assert bump[["artist_key", "rank"]].values.tolist() == [["ada", 1], ["bo", 2]]


def test_a_year_without_plays_is_empty_and_not_an_error():
    history = history_of([play("2026-01-01 00:00", "c")])
    review = year_review.review(history, history.local("UTC"), period_of(2019, None, "UTC", NOW), "Minutes")
    assert (review.totals.plays, review.busiest, len(review.tops["Artists"]), len(review.bump)) == (0, None, 0, 0)
    assert review.months["value"].tolist() == [0.0] * 12
