"""What pages compare, average and call silent: only time in which plays were collected."""

import re
from datetime import timedelta

import pandas as pd
import pytest

from tests.dashboard.invented.history import gaps_of
from tests.dashboard.invented.states import without_consent
from tests.dashboard.pages.app import NOW, App, per_day, some, text_of, with_plays

MOVE = 'class="hr-move"'


@pytest.mark.parametrize("page", ["overview", "top"])
def test_all_time_has_nothing_to_move_from(app: App, page: str) -> None:
    text = text_of(app.open(page, period="All time"))

    assert '<ol class="hr-rows hr-ranked"' in text
    assert MOVE not in text
    assert "The arrow compares" not in text
    assert MOVE in text_of(app.open(page, period="28 days"))


def test_all_time_counted_in_the_app_has_nothing_to_move_from_either(app: App) -> None:
    app.over(app.warehouse.without("top_tracks"))

    text = text_of(app.open(period="All time"))

    assert "Counted in this app just now" in text
    assert MOVE not in text
    assert MOVE in text_of(app.open(period="28 days"))


@pytest.mark.parametrize("page", ["overview", "top"])
def test_tracks_are_not_new_because_collecting_is(app: App, page: str) -> None:
    """The history began nine days ago; Spark says of every track that it had no rank in the 28 days before."""
    top = app.warehouse.tables["top_tracks"].assign(previous_rank=pd.NA)
    begun = app.warehouse.with_table("top_tracks", top).with_plays(some(app, 30, days_ago=9))

    text = text_of(app.over(begun).open(page, period="28 days"))

    assert '<ol class="hr-rows hr-ranked"' in text
    assert MOVE not in text


@pytest.mark.parametrize(("gap_days_ago", "average"), [(None, 10), (5, 11)])
def test_an_average_day_is_one_on_which_plays_were_collected(app: App, gap_days_ago: int | None, average: int) -> None:
    """Thirty plays of three minutes, nine days ago: ninety minutes in the nine days that are over, or in eight."""
    gap_at = NOW.replace(hour=1) - timedelta(days=gap_days_ago or 0)
    gap = (f"{gap_at:%Y-%m-%d %H:%M}", f"{gap_at + timedelta(hours=1):%Y-%m-%d %H:%M}")
    with_plays(app, some(app, 30, days_ago=9), gaps=gaps_of(gap) if gap_days_ago else None)

    drawn = app.open(zone="UTC")

    assert f"**{average} min a day** on average." in text_of(drawn)
    assert "days before the first known play" in text_of(drawn)
    weekday = f"{NOW - timedelta(days=9):%A}"
    # It came twice in these days: nine days ago and two days ago.
    assert f"{weekday}s are fullest: 45 min on average." in text_of(app.open("when", zone="UTC"))


@pytest.mark.parametrize(("first_days_ago", "is_compared"), [(40, False), (70, True)])
def test_a_period_is_compared_only_with_one_that_is_known_from_its_first_day(
    app: App, first_days_ago: int, is_compared: bool
) -> None:
    with_plays(app, some(app, 10, days_ago=first_days_ago), some(app, 10, days_ago=35), some(app, 30, days_ago=9))

    drawn = app.open(zone="UTC")

    assert ("than an average day of the 28 days before" in text_of(drawn)) == is_compared
    assert ("Grey bars behind" in text_of(drawn)) == is_compared
    assert [bool(metric.delta) for metric in drawn.metric][:2] == [is_compared] * 2
    assert [bool(metric.delta) for metric in app.open("discoveries", zone="UTC").metric] == [is_compared] * 2


@pytest.mark.parametrize(("first_on", "is_compared"), [("01-01", True), ("01-02", False)])
def test_a_year_is_compared_only_with_one_that_is_known_from_its_first_day(
    app: App, first_on: str, is_compared: bool
) -> None:
    year = NOW.year - 2
    dates = [f"{year}-{first_on} 12:00", f"{year + 1}-01-31 12:00", f"{year + 1}-02-01 12:00"]
    parts = [
        some(app, 5, days_ago=(pd.Timestamp(NOW) - pd.Timestamp(on, tz="UTC")) / pd.Timedelta(days=1)) for on in dates
    ]
    with_plays(app, *parts)

    text = text_of(app.open("year", year=str(year + 1), zone="UTC"))

    assert ("100% more than the year before" in text) == is_compared
    assert "as much as the month before" in text_of(app.open("year", year=str(year + 1), month="Feb", zone="UTC"))


@pytest.mark.parametrize(("last_on", "is_compared"), [("03-31", False), ("12-20", True)])
def test_a_year_is_compared_only_where_its_own_plays_were_collected(app: App, last_on: str, is_compared: bool) -> None:
    """A play a day for a year and three months, or until eleven days before the second year ended."""
    runs = app.warehouse.tables["runs"]
    polls = runs[runs["step"] == "ingest"]
    year = NOW.year - 1
    every = pd.date_range(f"{year - 1}-01-01 12:00", f"{year}-{last_on} 12:00", tz="UTC")
    plays = some(app, 1, days_ago=0).loc[lambda one: one.index.repeat(len(every))].assign(played_at=every)
    app.over(
        with_plays(app, plays).warehouse.with_table("runs", polls.assign(details=polls["details"].map(without_consent)))
    )

    text = text_of(app.open("year", year=str(year), zone="UTC"))

    assert ("than the year before" in text) == is_compared
    assert "unless only a part of either is known" in text
    # 31 plays after 28; twelve hours of March are not known.
    assert "11% more than the month before" in text_of(app.open("year", year=str(year), month="Mar", zone="UTC"))


@pytest.mark.parametrize(
    ("oldest", "newest", "is_compared"), [(20, 6, False), (48, 34, False), (7, 6, True), (89, 89, True)]
)
def test_sums_are_compared_where_next_to_nothing_of_both_may_be_missing(
    app: App, oldest: int, newest: int, is_compared: bool
) -> None:
    """A gap of two weeks in this period or the one before, of a day, or none: 28 days have 33 hours of a twentieth."""
    start, end = (f"{NOW - timedelta(days=days):%Y-%m-%d %H:%M}" for days in (oldest, newest))
    with_plays(app, *per_day(app, range(newest), range(oldest + 1, 91)), gaps=gaps_of((start, end)))

    drawn = app.open(zone="UTC")

    assert [bool(metric.delta) for metric in drawn.metric][:2] == [is_compared] * 2
    assert "**1 h a day** on average, as much as an average day of the 28 days before. " in text_of(drawn), (
        "days with a gap are left out"
    )


def test_a_month_whose_predecessor_is_not_known_has_no_bars_behind(app: App) -> None:
    year = NOW.year - 1
    first_days_ago = (pd.Timestamp(NOW) - pd.Timestamp(f"{year}-03-02 12:00", tz="UTC")) / pd.Timedelta(days=1)
    with_plays(app, some(app, 40, days_ago=first_days_ago))

    march, april = (text_of(app.open("year", year=str(year), month=month, zone="UTC")) for month in ("Mar", "Apr"))

    assert "Day by day" in march
    assert "Grey bars behind" not in march
    assert f"Nothing was played in April {year}" in april


@pytest.mark.parametrize(("page", "days_ago"), [("when", 0), ("year", -400)])
def test_days_before_the_first_play_are_not_days_without_music(app: App, page: str, days_ago: int) -> None:
    """Also where that is to come, by a clock that was wrong."""
    with_plays(app, some(app, 30, days_ago=days_ago))

    assert "1 of 1 day had music." in text_of(app.open(page, zone="UTC"))


def test_a_loyalty_that_stays_does_not_point_anywhere(app: App) -> None:
    with_plays(app, some(app, 10, days_ago=70), some(app, 10, days_ago=35), some(app, 10, days_ago=3))

    favourite, ten = app.open("discoveries", zone="UTC").metric

    assert (favourite.delta, ten.delta) == ("no change", "no change")


def test_days_since_consent_was_taken_back_are_outlined_and_in_no_average(app: App) -> None:
    runs = app.warehouse.tables["runs"].copy()
    is_after = (runs["step"] == "ingest") & (runs["slot"] > NOW - timedelta(days=9))
    runs["details"] = [
        without_consent(details) if after else details for details, after in zip(runs["details"], is_after, strict=True)
    ]
    plays = app.warehouse.tables["plays"]
    kept = plays[(plays["listener_id"] != "listener-one") | (plays["played_at"] < NOW - timedelta(days=9))]
    app.over(app.warehouse.with_plays(kept).with_table("runs", runs))

    drawn = app.open(by="Plays")

    text, since = text_of(drawn), NOW - timedelta(days=9)
    assert f"Since {since.day} {since:%b} no plays of Ania are collected: Spotify refuses the consent." in text
    mine = kept[kept["listener_id"] == "listener-one"]
    begins = pd.Timestamp("2026-10-28", tz="Europe/Berlin")
    ends = pd.Timestamp("2026-11-15", tz="Europe/Berlin")
    # 28 October to 14 November: on the 15th she was polled for half of the day only.
    watched = mine[(mine["played_at"] >= begins) & (mine["played_at"] < ends)]
    assert f"**{len(watched) / 18:,.1f} plays a day** on average" in text
    app.open("when")
    app.open("year")


@pytest.mark.parametrize(
    ("trouble", "days_ago", "since"),
    [
        ("no run", 10, "14 Nov no plays of Ania are collected. "),
        ("gone", 25, "30 Oct no plays of Ania are collected: "),
    ],
)
def test_days_since_plays_are_collected_no_more_are_not_days_without_music(
    app: App, trouble: str, days_ago: int, since: str
) -> None:
    """Also where that is longer ago than the ledger's copy reaches."""
    runs = app.warehouse.tables["runs"]
    if trouble == "no run":
        runs = runs[runs["slot"] < NOW - timedelta(days=days_ago)]
    else:
        polls = runs[runs["step"] == "ingest"]
        runs = polls.assign(details=polls["details"].map(without_consent))
    app.over(with_plays(app, *per_day(app, range(days_ago, 90))).warehouse.with_table("runs", runs))

    text, when = text_of(app.open(zone="UTC")), text_of(app.open("when", zone="UTC"))

    assert "**1 h a day** on average, as much as an average day of the 28 days before. " in text
    assert f"Since {since}" in text
    assert "days are fullest: 1 h on average" in when
    assert f"Days in a row, to {since[:6]} {90 - days_ago}" in when
    assert "whether it went on is not known" in when


def test_a_favourite_is_not_forgotten_where_its_last_half_year_is_not_known(app: App) -> None:
    """No run has polled her: one track was played until plays stop being known, 300 days ago, one 200 days before."""
    runs = app.warehouse.tables["runs"]
    polls = runs[runs["step"] == "ingest"]
    loved, lost = (some(app, 25, days_ago=days, track_id=name) for days, name in ((300, "loved"), (500, "lost")))
    app.over(app.warehouse.with_table("runs", polls.assign(details=polls["details"].map(without_consent))))
    since = f"{NOW - timedelta(days=300):%-d %b %Y}"

    text = text_of(with_plays(app, loved).open("discoveries", period="All time", zone="UTC"))
    both = text_of(with_plays(app, lost, loved).open("discoveries", period="All time", zone="UTC"))

    known = f"in the 180 days before {since}; no plays are collected since then."
    assert f"None: every track played twenty times or more was also played {known}" in text
    assert f"was played 25 times, but not {known}" in both
    listed = both.split('aria-label="Forgotten favourites"')[1].split("</ol>")[0]
    assert set(re.findall(r'track\?[^"]*id=(\w+)', listed)) == {"lost"}


def test_days_since_an_import_of_a_listener_whom_no_run_names_end_with_a_consent(app: App) -> None:
    plays, runs = app.warehouse.tables["plays"], app.warehouse.tables["runs"]
    older = plays[plays["played_at"] < NOW - timedelta(days=9)]
    app.over(app.warehouse.with_plays(older).with_table("runs", runs.assign(details=[{"listeners": {}}] * len(runs))))

    assert "averages leave them out. Run `python -m cli authorize listener-one`." in text_of(app.open())


def test_the_bars_of_weeks_behind_are_called_by_their_own_dates(app: App) -> None:
    """52 weeks before the 365 days to 24 November 2026."""
    long_ago, lately = some(app, 40, days_ago=900), some(app, 40, days_ago=3)
    text = text_of(with_plays(app, long_ago, lately).open(period="12 months", zone="UTC"))
    assert "Grey bars behind: 26 Nov 2024 – 25 Nov 2025." in text
