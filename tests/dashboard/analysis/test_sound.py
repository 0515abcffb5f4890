"""Audio features of plays: coverage, averages, mood, tempo, trend, and what is shown without features."""

import pandas as pd
import pytest

import theme
from analysis import sound
from analysis.periods import within
from charts import sound as charts_sound
from tests.dashboard.invented.history import NOVEMBER, history_of, play, track


def with_features(energies: dict[str, float | None]) -> list[dict[str, object]]:
    return [
        track(key, energy=energy, valence=0.2, tempo=121.0, features_source=None if energy is None else "reccobeats")
        for key, energy in energies.items()
    ]


def test_features_are_weighted_by_the_time_played():
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


def test_coverage_is_the_share_of_time_with_features_and_names_their_sources():
    plays = [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b"), play("2026-11-03 10:00", "b")]
    history = history_of(plays, with_features({"a": 0.5, "b": None}))
    assert sound.coverage(history, history.local("UTC")) == sound.Coverage(pytest.approx(1 / 3), ("reccobeats",))


def test_features_of_plays_of_which_no_length_is_known_are_weighted_by_plays():
    tracks = [{**row, "duration_ms": None} for row in with_features({"a": 0.8, "b": 0.4, "c": None})]
    plays = [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b"), play("2026-11-03 10:00", "b")]
    history = history_of([*plays, play("2026-11-04 10:00", "c")], tracks)
    local = history.local("UTC")
    assert sound.coverage(history, local) == sound.Coverage(0.75, ("reccobeats",))
    assert sound.feature_rows(history, local, local)["mean"].tolist() == pytest.approx([1.6 / 3, 0.2])
    assert sound.feature_trend(history, local, "energy")["mean"].tolist() == pytest.approx([1.6 / 3])


def test_a_period_of_unknown_lengths_is_compared_with_all_time_by_plays():
    tracks = [{**row, "duration_ms": None} for row in with_features({"a": 0.8})]
    plays = [play("2026-11-01 10:00", "a"), play("2026-10-01 10:00", "b"), play("2026-10-02 10:00", "c")]
    history = history_of(plays, [*tracks, *with_features({"b": 0.2, "c": None})])
    local = history.local("UTC")
    rows = sound.feature_rows(history, within(local, NOVEMBER), local)
    assert rows[["mean", "usual"]].values.tolist() == [[0.8, pytest.approx(0.5)], [0.2, pytest.approx(0.2)]]


def test_the_mood_map_says_no_time_of_plays_of_which_no_length_is_known():
    tracks = [{**row, "duration_ms": None} for row in with_features({"a": 0.8, "b": 0.4})]
    plays = [play(f"2026-11-01 10:{minute}", "a") for minute in range(10, 29)]
    history = history_of([*plays, play("2026-11-02 10:00", "b")], tracks)
    moods = sound.mood(history, history.local("UTC"))
    assert moods[["name", "weight", "minutes"]].values.tolist() == [["Song a", 19, 0], ["Song b", 1, 0]]
    assert sound.quadrants(moods) == {"upbeat": 0, "calm, happy": 0, "tense": 0.95, "sad": pytest.approx(0.05)}
    circles = charts_sound.mood_map(moods, theme.colours_of("light")).to_dict()
    assert [row["Time"] for data in circles["datasets"].values() for row in data if "Time" in row] == ["unknown"] * 2


def test_without_features_there_is_still_something_to_say():
    tracks = [
        track("a", explicit=True, popularity=40),
        track("b", explicit=False, popularity=None, duration_ms=300_000),
    ]
    history = history_of([play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "b")], tracks)
    plays = history.local("UTC")
    assert sound.coverage(history, plays) == sound.Coverage(0.0, ())
    assert sound.feature_rows(history, plays, plays).empty
    assert sound.tempo(history, plays).empty
    assert sound.mood(history, plays).empty
    facts = sound.without_features(history, plays)
    assert (facts.average_minutes, facts.explicit_share, facts.popularity) == (4.0, 0.5, 40.0)
    assert facts.lengths.loc[facts.lengths["share"] > 0, ["from_minutes", "to_minutes"]].values.tolist() == [
        [3, 4],
        [5, 6],
    ]


def test_mood_and_tempo_show_where_the_time_went():
    plays = [play("2026-11-01 10:00", "a", ms_played=180_000), play("2026-11-02 10:00", "b", ms_played=60_000)]
    history = history_of(plays, with_features({"a": 0.8, "b": 0.4}))
    plays = history.local("UTC")
    assert sound.mood(history, plays)[["name", "valence", "energy", "weight", "minutes"]].values.tolist() == [
        ["Song a", 0.2, 0.8, 180_000, 3.0],
        ["Song b", 0.2, 0.4, 60_000, 1.0],
    ]
    assert sound.quadrants(sound.mood(history, plays)) == {"upbeat": 0, "calm, happy": 0, "tense": 0.75, "sad": 0.25}
    assert sound.tempo(history, plays).values.tolist() == [[120, 1.0]]
    drawn = charts_sound.tempo(
        pd.DataFrame({"bpm_from": [120, 125], "share": [0.9996, 0.0004]}), theme.colours_of("light")
    )
    assert drawn.data["Value"].tolist() == ["100.0% at 120 to 124", "under 0.1% at 125 to 129"]
    trend = sound.feature_trend(history, plays, "energy")
    assert trend.values.tolist() == [[pd.Timestamp("2026-11-01"), pytest.approx(0.7)]]
