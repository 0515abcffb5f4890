"""Two and three listeners compared: what is shared under which name, who was first, overlap, what is new to others."""

import pandas as pd
import pytest

from analysis import together
from analysis.history import History
from analysis.periods import within
from analysis.together import Company, Part
from charts import bars
from tests.dashboard.invented.history import NOVEMBER, history_of, play, track
from theme import colours_of

BEA = {"artist_id": "bea", "artist_name": "Bea", "artist_names": "Bea"}
OLD = play("2020-01-01 10:00", "old")
"""Long ago, so that every later first play is known to be one."""


def company(*histories: History) -> Company:
    return Company([Part(history, within(history.local("UTC"), NOVEMBER)) for history in histories])


def test_a_recording_is_shared_under_any_of_its_ids_and_ordered_by_the_least_that_any_has_of_it() -> None:
    """Only one of them knows that `a` and `b` are one recording; `c` has more plays in all, and fewer of the second."""
    one = history_of(
        [
            OLD,
            *(play(f"2026-11-0{day} 10:00", "a") for day in (1, 2, 3)),
            *(play(f"2026-11-1{n} 10:00", "c") for n in range(9)),
        ],
        [track("a", isrc="X"), track("c"), track("old")],
    )
    two = history_of(
        [
            OLD,
            play("2026-11-05 10:00", "b"),
            play("2026-11-06 10:00", "b"),
            play("2026-11-07 10:00", "c"),
            play("2026-11-07 11:00", "d"),
        ],
        [track("b", isrc="X"), track("c"), track("d"), track("old")],
    )
    both = company(one, two)

    rows = together.shared(both, "Tracks", "Plays")

    assert rows.index.tolist() == ["X", "c"]
    assert rows[["rank", "least", "whole", "plays_0", "plays_1"]].to_numpy().tolist() == [
        [1, 2, 5, 3, 2],
        [2, 1, 10, 9, 1],
    ]
    assert together.named(both, rows, "Tracks")[["key", "name", "minutes_0", "minutes_1"]].to_numpy().tolist() == [
        ["a", "Song a", 9.0, 6.0],
        ["c", "Song c", 27.0, 3.0],
    ]


def test_what_both_played_is_shared_by_minutes_as_well_where_a_length_is_not_known() -> None:
    """`b` both played, and nobody knows how long; of `a` one of them knows."""
    one = history_of(
        [play("2026-11-01 10:00", "a"), play("2026-11-01 11:00", "b")], [track("a"), track("b", duration_ms=None)]
    )
    two = history_of(
        [play(f"2026-11-02 1{n}:00", id) for n, id in enumerate("abc")],
        [track("a", duration_ms=None), track("b", duration_ms=None), track("c")],
    )

    rows = together.shared(company(one, two), "Tracks", "Minutes")

    assert rows.index.tolist() == ["a", "b"]
    assert rows[["rank", "least", "whole"]].to_numpy().tolist() == [[1, 0, 3], [1, 0, 0]]


def test_an_id_that_another_listener_gives_an_isrc_joins_the_rows_of_the_first() -> None:
    """An export brings no ISRC: `a` is known to be `b` only because the API reported it for the other listener."""
    export = {"source": "export", "ms_played": 60_000}
    one = history_of(
        [play("2026-11-01 10:00", "a", **export), play("2026-11-02 10:00", "b")], [track("a"), track("b", isrc="X")]
    )
    two = history_of([play("2026-11-03 10:00", "a")], [track("a", isrc="X")])

    [row] = together.shared(company(one, two), "Tracks", "Plays").to_dict("records")

    assert (row["plays_0"], row["minutes_0"], row["plays_1"]) == (2, 4.0, 1)


def test_an_artist_of_an_export_is_the_one_of_that_name_whom_the_api_knows() -> None:
    """And a name that two ids have leads to none of them."""
    nameless = {"artist_id": None, "artist_name": "Ada", "artist_names": "Ada"}
    export = history_of([play("2026-11-01 10:00", "a")], [track("a", **nameless)])
    api = history_of([play("2026-11-02 10:00", "b"), play("2026-11-02 11:00", "c")], [track("b"), track("c", **BEA)])
    another = history_of([play("2026-11-03 10:00", "d")], [track("d", artist_id="ada-2")])

    assert together.shared(company(export, api), "Artists", "Plays").index.tolist() == ["ada"]
    assert together.shared(company(export, api, another), "Artists", "Plays").empty


def test_who_was_first_is_known_only_once_all_histories_have_run_for_thirty_days() -> None:
    """Bea: two days before the other; Cleo: within the first thirty days; Ada: long before the second history."""
    cleo = {"artist_id": "cleo", "artist_name": "Cleo", "artist_names": "Cleo"}
    tracks = [track("old"), track("bea", **BEA), track("cleo", **cleo)]
    one = history_of(
        [
            OLD,
            play("2026-10-20 10:00", "bea"),
            *(play(f"2026-11-09 1{n}:00", id) for n, id in enumerate(("old", "bea", "cleo"))),
        ],
        tracks,
    )
    two = history_of(
        [
            play("2026-09-01 10:00", "old"),
            play("2026-09-30 10:00", "cleo"),
            play("2026-10-18 10:00", "bea"),
            *(play(f"2026-11-08 1{n}:00", id) for n, id in enumerate(("old", "bea", "cleo"))),
        ],
        tracks,
    )

    rows = together.shared(company(one, two), "Artists", "Plays")

    assert rows["first"].dropna().to_dict() == {"bea": 1}
    assert rows.loc["bea", ["first_0", "first_1"]].tolist() == [
        pd.Timestamp("2026-10-20 10:00Z"),
        pd.Timestamp("2026-10-18 10:00Z"),
    ]


@pytest.mark.parametrize(("by", "expected"), [("Plays", 0.5), ("Minutes", 0.25)])
def test_overlap_is_what_the_shares_of_artists_have_in_common(by: str, expected: float) -> None:
    """Nine minutes of Bea to three of Ada against Ada alone; then one is silent; then each has another artist."""
    tracks = [track("a"), track("b", **BEA, duration_ms=540_000)]
    one = [
        play(f"2026-11-{day} 10:00", track_id) for day, track_id in (("02", "a"), ("03", "b"), ("09", "a"), ("16", "b"))
    ]
    two = [play("2026-11-04 10:00", "a"), play("2026-11-17 10:00", "a")]

    rows = together.overlap(company(history_of(one, tracks), history_of(two, tracks)), NOVEMBER, by)

    assert rows["step_on"].dt.strftime("%d %b").tolist() == ["01 Nov", "02 Nov", "09 Nov", "16 Nov"]
    assert rows["is_partial"].tolist() == [False, False, False, True]
    assert rows["share"].fillna(-1).tolist() == [-1, expected, -1, 0]
    assert (rows.attrs["step"], rows.attrs["whole"]) == ("week", expected)
    drawn = bars.overlap(rows, colours_of("light")).to_dict()
    assert drawn["encoding"]["opacity"]["condition"] == {"test": "datum.is_partial", "value": 0.6}
    (data,) = drawn["datasets"].values()
    assert [row["When"] for row in data] == ["week of 2 Nov 2026", "week of 16 Nov 2026 (not over yet)"]


def test_what_one_could_show_the_others_was_played_by_none_of_them_at_any_time() -> None:
    """Bea is new to the others; Cleo one of them played years ago."""
    cleo = {"artist_id": "cleo", "artist_name": "Cleo", "artist_names": "Cleo"}
    tracks = [track("a"), track("b", **BEA), track("c", **cleo)]
    one = history_of([play(f"2026-11-0{n} 10:00", id) for n, id in enumerate("aabc", start=1)], tracks)
    two = history_of([play("2026-11-01 10:00", "a")], tracks)
    three = history_of([play("2020-01-01 10:00", "c"), play("2026-11-01 10:00", "a")], tracks)
    all_three = company(one, two, three)

    assert together.only(all_three, 0, "Plays", 5)[["rank", "key", "name", "plays"]].to_numpy().tolist() == [
        [1, "bea", "Bea", 1]
    ]
    assert together.only(all_three, 1, "Plays", 5).empty


def test_the_part_that_went_to_shared_artists_counts_every_track_on_which_one_is_credited() -> None:
    duet = track("d", artist_id="cleo", artist_name="Cleo", artist_names="Cleo; Ada")
    one = history_of(
        [play("2026-11-01 10:00", "a"), play("2026-11-02 10:00", "d"), play("2026-11-03 10:00", "b")],
        [track("a"), duet, track("b", **BEA)],
    )
    two = history_of([play("2026-11-01 10:00", "a")])
    both = company(one, two)
    artists = together.shared(both, "Artists", "Minutes")

    assert artists.index.tolist() == ["ada"]
    assert together.share_of(both, 0, artists, "Minutes") == pytest.approx(2 / 3)
    assert together.share_of(both, 1, artists, "Minutes") == 1
