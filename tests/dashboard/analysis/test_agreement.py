"""The app counts a top ten as Spark does: the same rows from the same plays, ties, shared ranks and moves included."""

from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.history import History
from localcloud.demo import recount
from localcloud.demo.past import lives, past_files
from localcloud.demo.proofs import expected_row
from tests.dashboard.invented.history import at, history_of, play, top_ten, track
from tests.dashboard.invented.warehouse import SPARK_PERIODS

AS_OF = at("2026-11-22 10:00")
TRACKS = [
    track("a", isrc="ONE"),
    track("b", isrc="ONE", duration_ms=180_000),
    track("c", isrc="", duration_ms=240_000),
    track("d"),
    *(track(f"e{n:02}") for n in range(12)),
]


@st.composite
def plays(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Few tracks and many equal instants on the borders of the periods, so that ties and repeats are common."""
    moments = st.builds(
        lambda days, seconds: AS_OF - timedelta(days=days, seconds=seconds),
        st.sampled_from([0, 1, 6, 7, 13, 14, 27, 28, 55, 56, 364, 365, 729, 730, 900]),
        st.sampled_from([-1, 0, 1, 60]),
    )
    drawn = draw(
        st.lists(
            st.tuples(moments, st.sampled_from([row["track_id"] for row in TRACKS])),
            min_size=20,
            max_size=60,
            unique=True,
        )
    )
    return [
        play(moment.replace(tzinfo=None).isoformat(), track_id, source=source, ms_played=ms_played)
        for moment, track_id in drawn
        for source, ms_played in [
            draw(st.sampled_from([("api", -1), ("api", 29_999), ("export", 29_999), ("export", 30_000)]))
        ]
    ]


@settings(max_examples=25)
@given(plays())
def test_the_app_and_the_recount_give_the_same_rows(rows: list[dict[str, Any]]):
    assert_agreed(history_of(rows, TRACKS), recount.top_tracks(as_rows_of_plays(rows), AS_OF))


def test_they_agree_over_the_years_that_the_demo_gives_its_listeners():
    """Reissues under two ids, names of every kind, and thousands of plays in each period."""
    files = past_files(lives(1), AS_OF)
    rows = [
        expected_row(play, with_features=False) | {"listener_id": "ania"}
        for file in files
        for play in file.plays
        if play.listener == "listener-one"
    ]
    assert len(rows) > 30_000
    tracks = list({row["track_id"]: row for row in rows}.values())
    expected = recount.top_tracks(rows, AS_OF)
    assert len(expected) == 10 * len(SPARK_PERIODS)
    assert_agreed(history_of([{**row, "ms_played": -1} for row in rows], tracks), expected)


def assert_agreed(counted: History, expected: list[dict[str, Any]]) -> None:
    for period, days in SPARK_PERIODS.items():
        wanted = [{k: v for k, v in row.items() if k != "as_of"} for row in expected if row["period"] == period]
        assert as_dicts(top_ten(counted, AS_OF, days), period) == wanted


def as_rows_of_plays(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as the table `plays` holds them."""
    about = {row["track_id"]: row for row in TRACKS}
    empty = {"isrc": None, "image_url": None}
    known = [{**empty, **about[row["track_id"]], **row, "listener_id": "ania"} for row in rows]
    return [{**row, "ms_played": None if row["ms_played"] < 0 else row["ms_played"]} for row in known]


def as_dicts(frame: pd.DataFrame, period: str) -> list[dict[str, Any]]:
    """The app's rows in the recount's form."""
    rows = []
    for row in frame.to_dict("records"):
        times = {name: row[name].to_pydatetime() for name in ("first_played_at", "last_played_at")}
        numbers = {name: int(row[name]) for name in ("rank", "position", "plays")}
        before = None if pd.isna(row["previous_rank"]) else int(row["previous_rank"])
        image = row["image_url"] if isinstance(row["image_url"], str) else None
        more = {"listener_id": "ania", "period": period, "previous_rank": before, "image_url": image}
        rows.append({**row, **times, **numbers, **more})
    return rows
