"""What the pages count: totals, trends, favourites, discoveries, sittings, sound, years and single items."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

import discoveries
import item_pages
import sittings
import sound
import tops
import totals
import years
from history import measured_share
from periods import Period, custom_period, named_period, within, year_period
from tests.dashboard.invented import at, history_of, play, track

NOW = at("2026-11-22 12:00")
NOVEMBER = custom_period(date(2026, 11, 1), date(2026, 11, 22), "UTC", NOW)
ALL_TIME = named_period("All time", "UTC", NOW, at("2020-01-01 00:00"))


def test_short_plays_of_an_export_are_kept_but_do_not_count():
    plays = [
        play("2026-11-01 10:00", "a", source="export", ms_played=29_999),
        play("2026-11-02 10:00", "a", source="export", ms_played=30_000),
        play("2026-11-03 10:00", "b"),
    ]
    history = history_of(plays)
    assert len(history.plays) == 3
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.minutes, counted.days_with_plays) == (2, 3.5, 2)
    assert counted.measured_share == pytest.approx(0.5 / 3.5)


def test_a_play_without_any_length_adds_no_time():
    history = history_of([play("2026-11-01 10:00", "a")], [track("a", duration_ms=None)])
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.minutes) == (1, 0.0)


def test_totals_tell_what_is_new_in_the_period_and_what_was_known():
    tracks = [
        track("a"),
        track("b", artist_id="bo", artist_name="Bo", artist_names="Bo; Cy"),
        track("c", artist_id="cy", artist_name="Cy", album_id="dusk"),
    ]
    plays = [play("2026-10-01 10:00", "a"), play("2026-11-02 10:00", "a"), play("2026-11-03 10:00", "b")]
    history = history_of([*plays, play("2026-11-04 10:00", "c"), play("2026-11-05 10:00", "c")], tracks)
    counted = totals.totals(history, history.local("UTC"), NOVEMBER)
    assert (counted.plays, counted.tracks, counted.artists, counted.albums) == (4, 3, 3, 2)
    assert (counted.new_tracks, counted.new_artists) == (2, 2)


def test_a_trend_lays_the_period_before_behind_each_day():
    plays = [play("2026-11-15 23:00", "a"), play("2026-11-16 01:00", "b"), play("2026-11-22 10:00", "a")]
    history = history_of([*plays, play("2026-11-09 10:00", "c"), play("2026-11-10 10:00", "c")])
    period = named_period("7 days", "UTC", NOW, None)
    rows = totals.trend(history.local("UTC"), period, "Plays", {date(2026, 11, 18)})
    assert rows.attrs["step"] == "day"
    assert rows["label"].tolist() == [f"2026-11-{day}" for day in range(16, 23)]
    assert rows["value"].tolist() == [1, 0, 0, 0, 0, 0, 1]
    assert rows["previous"].tolist() == [1, 1, 0, 0, 0, 0, 1]
    assert rows["previous_on"].iloc[0] == pd.Timestamp("2026-11-09")
    assert rows["is_gap"].tolist() == [False, False, True, False, False, False, False]
    assert rows["is_partial"].tolist() == [False] * 6 + [True]


def test_a_trend_has_nothing_behind_it_where_collecting_began_within_the_period_before():
    history = history_of([play("2026-11-10 10:00", "a"), play("2026-11-20 10:00", "a")])
    period = named_period("7 days", "UTC", NOW, None)
    rows = totals.trend(history.local("UTC"), period, "Plays", oldest_at=history.oldest_at)
    assert rows["value"].sum() == 1
    assert rows["previous"].isna().all()
    assert rows["previous_on"].isna().all()


def test_the_share_of_measured_minutes_is_that_of_the_plays_given():
    plays = [play("2026-11-01 10:00", "a", source="export", ms_played=60_000), play("2026-11-02 10:00", "b")]
    history = history_of([*plays, play("2026-11-03 10:00", "c")], [track("c", duration_ms=None)])
    local = history.local("UTC")
    assert measured_share(local) == pytest.approx(1 / 4)
    assert [measured_share(local.iloc[place : place + 1]) for place in range(3)] == [1.0, 0.0, 0.0]
    assert measured_share(local.head(0)) == 1.0, "nothing is shown, so nothing is estimated"


class Forgetful(dict[str, pd.DataFrame]):
    """Another session's zone pushes out every one as soon as it is kept."""

    def __setitem__(self, zone: str, local: pd.DataFrame) -> None:
        pass


def test_a_clock_that_another_session_pushes_out_is_still_answered():
    history = replace(history_of([play("2026-11-01 10:00", "a")]), _local=Forgetful())
    assert history.local("Asia/Kathmandu")["wall"].tolist() == [pd.Timestamp("2026-11-01 15:45")]


def test_a_history_keeps_the_clocks_of_a_few_zones():
    kept: dict[str, pd.DataFrame] = {}
    history = replace(history_of([play("2026-11-01 10:00", "a")]), _local=kept)
    for zone in ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "Europe/Rome"):
        assert history.local(zone) is history.local(zone)
    assert list(kept) == ["Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "Europe/Rome"]


def test_a_long_trend_is_drawn_by_week_and_a_longer_one_by_month_and_neither_loses_a_play():
    plays = [play(f"{year}-{month:02}-28 12:00", "a") for year in range(2020, 2027) for month in range(1, 12)]
    history = history_of(plays)
    local = history.local("UTC")
    for name, step in (("12 months", "week"), ("All time", "month")):
        period = named_period(name, "UTC", NOW, at("2020-01-28 12:00"))
        rows = totals.trend(local, period, "Plays")
        assert rows.attrs["step"] == step
        assert rows["value"].sum() == len(within(local, period))
        assert rows["step_on"].iloc[0] == pd.Timestamp(period.start)
        assert rows["label"].is_unique


def test_spark_bars_are_at_most_45_and_add_up():
    history = history_of([play(f"2026-{month:02}-10 12:00", "a") for month in range(1, 12)])
    local = history.local("UTC")
    for name in ("7 days", "28 days", "90 days", "12 months", "All time"):
        period = named_period(name, "UTC", NOW, at("2026-01-10 12:00"))
        bars = totals.spark_bars(history, local, period, "plays")
        assert len(bars) <= 45
        assert sum(bars) == len(within(local, period))
    year = named_period("12 months", "UTC", NOW, None)
    assert sum(totals.spark_bars(history, local, year, "minutes")) == 33
    assert sum(totals.spark_bars(history, local, year, "new_tracks")) == 1
    assert max(totals.spark_bars(history, local, year, "artists")) == 1


def test_equal_counts_share_a_rank_and_the_next_is_skipped():
    plays = [play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("aabbcddd", start=1)]
    history = history_of(plays)
    rows = tops.top(history, history.local("UTC"), "Tracks", "Plays", limit=3)
    assert rows[["key", "rank", "position", "is_tied"]].values.tolist() == [
        ["d", 1, 1, False],
        ["b", 2, 2, True],
        ["a", 2, 3, True],
    ]
    assert (rows.attrs["tied_beyond"], rows.attrs["total"]) == (0, 4)
    two = tops.top(history, history.local("UTC"), "Tracks", "Plays", limit=2)
    assert two.attrs["tied_beyond"] == 1
    assert two["is_tied"].tolist() == [False, True]


def test_what_is_equal_in_everything_stands_in_the_order_of_track_ids():
    history = history_of([play("2026-11-01 10:00", track_id) for track_id in "cab"])
    for by in ("Plays", "Minutes"):
        rows = tops.top(history, history.local("UTC"), "Tracks", by)
        assert rows[["key", "rank"]].values.tolist() == [["a", 1], ["b", 1], ["c", 1]]
    assert tops.recount(history, NOW, None)["track_id"].tolist() == ["a", "b", "c"]


def test_moves_tell_places_won_and_what_is_new():
    now = [play(f"2026-11-1{n} 10:00", track_id) for n, track_id in enumerate("aaabbc")]
    before = [play(f"2026-10-1{n} 10:00", track_id) for n, track_id in enumerate("bba")]
    history = history_of([*now, *before])
    local = history.local("UTC")
    heard, earlier = (
        within(local, NOVEMBER),
        within(local, custom_period(date(2026, 10, 1), date(2026, 10, 31), "UTC", NOW)),
    )
    rows = tops.top(history, heard, "Tracks", "Plays", earlier)
    assert rows["key"].tolist() == ["a", "b", "c"]
    assert rows["previous_rank"].tolist() == [2, 1, pd.NA]
    assert rows["move"].tolist() == [1, -1, pd.NA]


def test_two_ids_with_one_isrc_are_one_recording_and_the_id_played_last_is_shown():
    tracks = [track("a", isrc="ONE", track_name="Old"), track("b", isrc="ONE", track_name="New", album_id="best of")]
    history = history_of(
        [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b"), play("2026-11-02 09:00", "a")], tracks
    )
    local = history.local("UTC")
    rows = tops.top(history, local, "Tracks", "Plays")
    assert rows[["key", "name", "plays"]].values.tolist() == [["b", "New", 3]]
    albums = tops.top(history, local, "Albums", "Plays")
    assert albums[["key", "plays"]].values.tolist() == [["dawn", 2], ["best of", 1]]
    assert totals.totals(history, local, NOVEMBER).tracks == 1


def test_every_credited_artist_gets_the_play_under_one_key():
    tracks = [
        track("a", artist_names="Ada; Bo"),
        track("b", artist_id="bo", artist_name="Bo", artist_names="Bo; Guest"),
        track("c", artist_id=None, artist_name="Bo", artist_names="Bo", album_id=None),
    ]
    history = history_of([play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("abc", start=1)], tracks)
    rows = tops.top(history, history.local("UTC"), "Artists", "Plays")
    assert rows[["key", "name", "plays", "rank"]].values.tolist() == [
        ["bo", "Bo", 3, 1],
        ["name:Guest", "Guest", 1, 2],
        ["ada", "Ada", 1, 2],
    ]
    links = rows["spotify_url"].fillna("").tolist()
    assert links == ["https://open.spotify.com/artist/bo", "", "https://open.spotify.com/artist/ada"]


def test_a_first_artist_whose_name_holds_the_separator_is_one_artist():
    tracks = [track("a", artist_id="duo", artist_name="Earth; Wind", artist_names="Earth; Wind; Fire")]
    history = history_of([play("2026-11-01 10:00", "a")], tracks)
    assert sorted(history.artists["artist_name"]) == ["Earth; Wind", "Fire"]


def test_shares_are_of_everything_that_was_heard():
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b", ms_played=540_000)])
    rows = tops.top(history, history.local("UTC"), "Tracks", "Minutes", limit=1)
    assert rows[["key", "minutes", "share"]].values.tolist() == [["b", 9.0, 0.75]]


def test_sparks_rows_keep_their_ranks_and_lead_to_the_apps_pages():
    history = history_of([play("2026-11-01 10:00", "a")])
    spark = pd.DataFrame(
        [
            {
                "period": "last_7_days",
                "rank": 1,
                "position": 1,
                "track_id": "a",
                "track_name": "Song a",
                "artist_name": "Ada",
                "artist_names": "Ada; Bo",
                "previous_rank": 4,
            },
            {
                "period": "last_7_days",
                "rank": 1,
                "position": 2,
                "track_id": "gone",
                "track_name": "Gone",
                "artist_name": "Cy",
                "artist_names": None,
                "previous_rank": None,
            },
            {
                "period": "all_time",
                "rank": 1,
                "position": 1,
                "track_id": "a",
                "track_name": "Song a",
                "artist_name": "Ada",
                "artist_names": "Ada; Bo",
                "previous_rank": None,
            },
        ]
    )
    rows = tops.from_spark(history, spark, "last_7_days")
    assert rows[["key", "name", "rank", "is_tied"]].values.tolist() == [
        ["a", "Song a", 1, True],
        ["gone", "Gone", 1, True],
    ]
    assert rows["artist_name"].tolist() == ["Ada; Bo", "Cy"], "as the app's own lists name them"
    assert rows["move"].tolist() == [3, pd.NA]
    assert rows["artist_key"].iloc[0] == "ada"
    assert [tops.spark_period(name) for name in ("28 days", "90 days")] == ["last_28_days", None]


def test_an_id_is_escaped_in_a_link_to_spotify():
    assert tops.spotify_url("track", "a/../b?c") == "https://open.spotify.com/track/a%2F..%2Fb%3Fc"
    assert tops.spotify_url("artist", None) is None


def test_a_sitting_ends_after_more_than_half_an_hour_of_silence():
    # Tracks of three minutes: the second begins 30 minutes after the first ended, the third 31 after the second.
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-01 10:33", "b"), play("2026-11-01 11:07", "c")])
    local = history.local("UTC")
    rows = sittings.sittings(local)
    assert rows[["start", "end", "minutes", "plays"]].values.tolist() == [
        [pd.Timestamp("2026-11-01 09:57"), pd.Timestamp("2026-11-01 10:33"), 6.0, 2],
        [pd.Timestamp("2026-11-01 11:04"), pd.Timestamp("2026-11-01 11:07"), 3.0, 1],
    ]
    longest = sittings.longest(local, 1)
    assert sittings.tracks_of(history, local, longest.iloc[0])["key"].tolist() == ["a", "b"]
    assert sittings.sittings(local.head(0)).empty


def test_listening_is_new_for_thirty_days_after_an_artist_was_first_heard():
    plays = [play("2026-10-01 10:00", "a"), play("2026-10-31 09:00", "a"), play("2026-10-31 10:00", "a")]
    history = history_of(plays)
    period = custom_period(date(2026, 9, 28), date(2026, 11, 1), "UTC", NOW)
    rows = discoveries.new_and_known(history, history.local("UTC"), period, "Plays")
    told = rows[rows["value"] > 0][["step_on", "kind", "value", "share"]].values.tolist()
    assert told == [
        [pd.Timestamp("2026-09-28"), "New", 1.0, 1.0],
        [pd.Timestamp("2026-10-26"), "New", 1.0, 0.5],
        [pd.Timestamp("2026-10-26"), "Known", 1.0, 0.5],
    ]
    assert rows["step_on"].nunique() == 5


def test_what_stuck_was_first_heard_in_the_period_and_played_five_times_since():
    often = [play(f"2026-11-0{n} 10:00", "a") for n in range(1, 6)]
    seldom = [play(f"2026-11-0{n} 11:00", "b") for n in range(1, 5)]
    known = [play(f"2026-{month} 12:00", "c") for month in ("10-01", "11-01", "11-02", "11-03", "11-04")]
    history = history_of([*often, *seldom, *known])
    assert discoveries.stuck(history, history.local("UTC"), NOVEMBER, "Plays")["key"].tolist() == ["a"]


def test_forgotten_is_what_was_played_often_and_not_for_half_a_year():
    often = [play(f"2026-05-{day:02} 10:00", track_id) for day in range(1, 21) for track_id in ("a", "b")]
    history = history_of([*often, play("2026-06-02 10:00", "b")])
    local = history.local("UTC")
    assert discoveries.forgotten(history, local, date(2026, 11, 16), "Plays")["key"].tolist() == ["a"]
    assert discoveries.forgotten(history, local, date(2026, 11, 15), "Plays")["key"].tolist() == []


def test_decades_are_complete_and_say_what_is_not_known():
    tracks = [
        track("a", album_release_date="1979-12"),
        track("b", album_release_date="2003"),
        track("c", album_release_date=None),
    ]
    plays = [
        play("2026-11-01 10:00", "a"),
        play("2026-11-02 10:00", "b"),
        play("2026-11-03 10:00", "b"),
        play("2026-11-04 10:00", "c"),
    ]
    history = history_of(plays, tracks)
    local = history.local("UTC")
    rows = discoveries.decades(history, local, "Plays")
    assert rows.values.tolist() == [["1970s", 0.25], ["1980s", 0.0], ["1990s", 0.0], ["2000s", 0.5], ["Unknown", 0.25]]
    inside = discoveries.years_in_decade(history, local, "Plays", 2000, 2026)
    assert inside.loc[inside["share"] > 0].values.tolist() == [[2003, 0.5]]
    assert inside["year"].tolist() == list(range(2000, 2010))


def test_the_years_of_this_decade_end_with_this_year_or_with_the_music():
    tracks = [track("a", album_release_date="2021"), track("b", album_release_date="2028-01-01")]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    local = history.local("UTC")

    def years_shown(heard: pd.DataFrame) -> list[int]:
        return discoveries.years_in_decade(history, heard, "Plays", 2020, 2026)["year"].tolist()

    assert years_shown(local.head(1)) == list(range(2020, 2027))
    assert years_shown(local) == list(range(2020, 2029)), "nothing that was heard is left out"
    assert years_shown(local.head(0)) == list(range(2020, 2027))


def test_every_feature_says_what_music_near_to_either_of_its_ends_is():
    """The words stand in "Your music is … than usual"."""
    assert [(feature.name, feature.lower, feature.higher) for feature in sound.FEATURES] == [
        ("Energy", "calmer", "more intense"),
        ("Danceability", "less danceable", "more danceable"),
        ("Mood (valence)", "sadder", "happier"),
        ("Acousticness", "more electric", "more acoustic"),
        ("Instrumental", "less instrumental", "more instrumental"),
        ("Live feel", "less like a concert", "more like a concert"),
        ("Spoken word", "less like speech", "more like speech"),
    ]


def test_loyalty_tells_how_much_goes_to_how_few_artists():
    tracks = [track(f"t{n:02}", artist_id=f"artist {n:02}", artist_name=f"Artist {n}") for n in range(12)]
    # The first artist has nine plays, the other eleven one each.
    plays = [play(f"2026-11-{n + 1:02} 10:00", f"t{n:02}") for n in range(12)]
    plays += [play(f"2026-11-20 1{n}:00", "t00") for n in range(8)]
    history = history_of(plays, tracks)
    told = discoveries.loyalty(history, history.local("UTC"), "Plays")
    assert told == (pytest.approx(9 / 20), pytest.approx(18 / 20), 2, 12)
    assert discoveries.loyalty(history, history.local("UTC").head(0), "Plays") is None


def with_features(energies: dict[str, float | None]) -> list[dict[str, object]]:
    return [
        track(key, energy=energy, valence=0.2, tempo=121.0, features_source=None if energy is None else "reccobeats")
        for key, energy in energies.items()
    ]


def test_features_are_weighted_by_the_time_heard():
    plays = [
        play("2026-10-01 10:00", "c", ms_played=60_000),
        play("2026-11-01 10:00", "a", ms_played=180_000),
        play("2026-11-02 10:00", "b", ms_played=60_000),
    ]
    history = history_of(plays, with_features({"a": 0.8, "b": 0.4, "c": 0.2}))
    local = history.local("UTC")
    rows = sound.feature_rows(history, within(local, NOVEMBER), local)
    energy = rows.set_index("feature").loc["energy"]
    assert energy["mean"] == pytest.approx(0.7)
    assert energy["usual"] == pytest.approx((0.8 * 3 + 0.4 + 0.2) / 5)
    assert (energy["q1"], energy["q3"]) == (0.4, 0.8)
    assert rows["feature"].tolist() == ["energy", "valence"]
    assert sound.changes(rows, 1)["feature"].tolist() == ["energy"]


def test_coverage_is_the_share_of_time_with_features_and_says_who_told_them():
    plays = [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b"), play("2026-11-03 10:00", "b")]
    history = history_of(plays, with_features({"a": 0.5, "b": None}))
    assert sound.coverage(history, history.local("UTC")) == sound.Coverage(pytest.approx(1 / 3), ("reccobeats",))


def test_without_features_there_is_still_something_to_say():
    tracks = [
        track("a", explicit=True, popularity=40),
        track("b", explicit=False, popularity=None, duration_ms=300_000),
    ]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    heard = history.local("UTC")
    assert sound.coverage(history, heard) == sound.Coverage(0.0, ())
    assert sound.feature_rows(history, heard, heard).empty
    assert sound.tempo(history, heard).empty
    assert sound.mood(history, heard).empty
    told = sound.without_features(history, heard)
    assert (told.average_minutes, told.explicit_share, told.popularity) == (4.0, 0.5, 40.0)
    assert told.lengths.loc[told.lengths["share"] > 0, ["from_minutes", "to_minutes"]].values.tolist() == [
        [3, 4],
        [5, 6],
    ]


def test_mood_and_tempo_show_where_the_time_went():
    plays = [play("2026-11-01 10:00", "a", ms_played=180_000), play("2026-11-02 10:00", "b", ms_played=60_000)]
    history = history_of(plays, with_features({"a": 0.8, "b": 0.4}))
    heard = history.local("UTC")
    assert sound.mood(history, heard)[["key", "valence", "energy", "minutes"]].values.tolist() == [
        ["a", 0.2, 0.8, 3.0],
        ["b", 0.2, 0.4, 1.0],
    ]
    assert sound.quadrants(sound.mood(history, heard)) == {"upbeat": 0, "calm, happy": 0, "tense": 0.75, "sad": 0.25}
    assert sound.tempo(history, heard).values.tolist() == [[120, 1.0]]
    trend = sound.feature_trend(history, heard, "energy")
    assert trend.values.tolist() == [[pd.Timestamp("2026-11-01"), pytest.approx(0.7), 4.0]]


def test_a_year_in_review_is_the_whole_calendar_year():
    plays = [
        play("2024-12-31 23:59", "a"),
        play("2025-01-01 00:00", "b"),
        play("2025-12-31 23:59", "b"),
        play("2026-01-01 00:00", "c"),
    ]
    history = history_of(plays)
    local = history.local("UTC")
    review = years.review(history, local, 2025, None, "Plays", "UTC", NOW)
    assert (review.totals.plays, review.before.plays) == (2, 1)
    assert review.top_tracks["key"].tolist() == ["b"]
    assert review.busiest == (date(2025, 12, 31), 1.0)
    assert len(review.months) == 12
    assert review.months.loc[review.months["value"] > 0, "month_on"].dt.month.tolist() == [1, 12]
    assert review.bump[["month_on", "artist_name", "rank"]].values.tolist() == [
        [pd.Timestamp("2025-01-01"), "Ada", 1],
        [pd.Timestamp("2025-12-01"), "Ada", 1],
    ]
    assert years.years_of(local) == [2026, 2025, 2024]


def test_a_year_that_goes_on_ends_with_the_month_that_has_begun():
    history = history_of([play("2026-01-01 00:00", "a")])
    review = years.review(history, history.local("UTC"), 2026, None, "Plays", "UTC", NOW)
    assert review.months["month_on"].dt.month.tolist() == list(range(1, 12))
    assert [years.months_begun(year, date(2026, 11, 22)) for year in (2025, 2026)] == [12, 11]


def test_a_year_without_plays_is_empty_and_not_an_error():
    history = history_of([play("2026-01-01 00:00", "c")])
    review = years.review(history, history.local("UTC"), 2019, None, "Minutes", "UTC", NOW)
    assert (review.totals.plays, review.busiest, len(review.top_artists), len(review.bump)) == (0, None, 0, 0)
    assert review.months["value"].tolist() == [0.0] * 12


def test_a_month_counts_the_artists_first_heard_in_it():
    tracks = [track("a"), track("b", artist_id="bo", artist_name="Bo"), track("c", artist_id="cy", artist_name="Cy")]
    plays = [
        play("2026-10-01 10:00", "a"),
        play("2026-11-01 10:00", "a"),
        play("2026-11-02 10:00", "b"),
        play("2026-11-03 10:00", "c"),
        play("2026-11-04 10:00", "c"),
    ]
    history = history_of(plays, tracks)
    review = years.review(history, history.local("UTC"), 2026, 11, "Plays", "UTC", NOW)
    assert review.totals.new_artists == 2
    assert len(review.months) == 1


def test_an_item_knows_its_rank_its_neighbours_and_its_best_months():
    plays = [play(f"2026-{month:02}-0{n} 10:00", "b") for month, n in ((9, 1), (9, 2), (11, 1))]
    plays += [play(f"2026-11-1{n} 10:00", "a") for n in range(5)] + [play("2026-11-20 10:00", "c")]
    history = history_of(plays)
    found = item_pages.item(history, history.local("UTC"), "Tracks", "b", "Plays")
    assert found is not None
    assert (found.name, found.rank, found.of, found.plays, found.artist_key, found.album_key) == (
        "Song b",
        2,
        3,
        3,
        "ada",
        "dawn",
    )
    assert found.neighbours["key"].tolist() == ["a", "b", "c"]
    assert found.months["value"].tolist() == [2.0, 0.0, 1.0]
    assert found.best_months["month_on"].tolist() == [pd.Timestamp("2026-09-01"), pd.Timestamp("2026-11-01")]
    assert found.first_played_at == at("2026-09-01 10:00")
    assert found.recent["wall"].iloc[0] == pd.Timestamp("2026-11-01 10:00")


def test_every_id_of_a_recording_leads_to_its_page():
    tracks = [track("a", isrc="ONE"), track("b", isrc="ONE")]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    by_old_id = item_pages.item(history, history.local("UTC"), "Tracks", "a", "Plays")
    assert by_old_id is not None
    assert (by_old_id.key, by_old_id.plays) == ("b", 2)


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [("Tracks", "a", "Unknown track"), ("Artists", "ada", "Unknown artist"), ("Albums", "dawn", "Unknown album")],
)
def test_an_item_without_a_name_is_called_unknown(kind: str, key: str, name: str):
    nameless = track("a", track_name=None, artist_name=None, artist_names=None, album_name=None)
    history = history_of([play("2026-11-01 10:00", "a")], [nameless])
    found = item_pages.item(history, history.local("UTC"), kind, key, "Plays")
    assert found is not None
    assert found.name == name
    assert years.bump(history, history.local("UTC"), "Plays")["artist_name"].tolist() == ["Unknown artist"]


@pytest.mark.parametrize("kind", tops.KINDS)
def test_an_unknown_item_is_no_item(kind: str):
    history = history_of([play("2026-11-01 10:00", "a")])
    assert item_pages.item(history, history.local("UTC"), kind, "<script>", "Plays") is None


def test_artists_and_albums_have_pages_too():
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")])
    local = history.local("UTC")
    artist = item_pages.item(history, local, "Artists", "ada", "Minutes")
    album = item_pages.item(history, local, "Albums", "dawn", "Minutes")
    assert artist is not None
    assert album is not None
    assert (artist.name, artist.minutes, len(artist.tracks)) == ("Ada", 6.0, 2)
    assert (album.name, album.artist_name, album.spotify_url) == ("Dawn", "Ada", "https://open.spotify.com/album/dawn")


@pytest.mark.parametrize("period", [NOVEMBER, ALL_TIME, year_period(2026, "UTC", NOW)], ids=lambda period: period.name)
def test_every_computation_bears_a_listener_without_plays(period: Period):
    history = history_of([])
    local = history.local("UTC")
    heard = within(local, period)
    assert history.is_empty
    assert totals.totals(history, local, period).plays == 0
    assert totals.trend(local, period, "Minutes")["value"].sum() == 0
    assert all(
        not any(totals.spark_bars(history, local, period, m)) for m in ("minutes", "plays", "artists", "new_tracks")
    )
    assert all(tops.top(history, heard, kind, "Plays", heard).empty for kind in tops.KINDS)
    assert tops.last_played(history, local).empty
    assert tops.recount(history, NOW, 7).empty
    assert sittings.longest(local).empty
    assert not discoveries.new_and_known(history, local, period, "Plays")["value"].any()
    assert discoveries.stuck(history, local, period, "Plays").empty
    assert discoveries.forgotten(history, local, date(2026, 11, 22), "Plays").empty
    assert discoveries.decades(history, heard, "Plays").empty
    assert sound.feature_trend(history, local, "energy").empty
    assert np.isnan(sound.without_features(history, heard).average_minutes or np.nan)
    assert years.review(history, local, 2026, None, "Plays", "UTC", NOW).totals.plays == 0
