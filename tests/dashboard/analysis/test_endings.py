"""How plays ended, as far as an export says it."""

from typing import Any

from analysis import endings, items
from analysis.endings import Endings
from tests.dashboard.invented.history import at, history_of, play, track


def ended(track_id: str, *how: str | None, ms_played: int = 200_000, day: int = 1) -> list[dict[str, Any]]:
    """A play an hour of this day for each of the endings, as an export has it."""
    return [
        play(f"2026-11-{day:02} {hour:02}:00", track_id, ending=ending, source="export", ms_played=ms_played)
        for hour, ending in enumerate(how)
    ]


def test_endings_are_counted_over_all_plays_also_those_that_count_nowhere():
    plays = [*ended("a", "end", "skip", "other", None), *ended("b", "skip", ms_played=2_000, day=2)]
    history = history_of([*plays, play("2026-11-03 10:00", "a")])
    assert endings.endings(history.stored) == Endings(6, 4, 1, 2, at("2026-11-02 00:00"))
    assert len(history.counting) == 5


def test_of_no_play_or_none_that_says_so_nothing_is_known():
    unknown = history_of([play("2026-11-03 10:00", "a")])
    assert endings.endings(unknown.stored) == Endings(1, 0, 0, 0, None)
    assert endings.most(unknown, "skip", 10).empty
    assert endings.endings(unknown.stored.head(0)) == Endings(0, 0, 0, 0, None)


def test_the_most_skipped_are_those_with_the_greatest_share_of_five_known_endings_or_more():
    plays = [
        *ended("half", *["skip"] * 3, *["end"] * 3, day=1),
        *ended("all", *["skip"] * 5, ms_played=900, day=2),
        *ended("all of more", *["skip"] * 6, *[None] * 9, day=3),
        *ended("seldom known", *["skip"] * 4, *[None] * 9, day=4),
        *ended("never", *["end"] * 9, day=5),
    ]
    history = history_of(plays)
    skipped = endings.most(history, "skip", 10)
    columns = ["key", "name", "count", "known", "share", "counts"]
    assert skipped[columns].values.tolist() == [
        ["all of more", "Song all of more", 6, 6, 1.0, True],
        ["all", "Song all", 5, 5, 1.0, False],
        ["half", "Song half", 3, 6, 0.5, True],
    ]
    assert endings.most(history, "end", 1)["key"].tolist() == ["never"]
    never = history_of(ended("never", *["end"] * 9))
    assert (len(endings.most(never, "skip", 10)), endings.most(never, "skip", 10).attrs["looked_at"]) == (0, 1)


def test_the_ids_of_one_recording_are_one_track():
    tracks = [track("a", isrc="ONE"), track("b", isrc="ONE")]
    history = history_of([*ended("a", *["skip"] * 3), *ended("b", "end", "end", day=2)], tracks)
    assert endings.most(history, "skip", 10)[["key", "count", "known"]].values.tolist() == [["b", 3, 5]]
    found = items.item(history, history.local("UTC"), "Tracks", "a", "Plays")
    assert found is not None
    assert found.endings == Endings(5, 5, 2, 3, at("2026-11-02 01:00"))
