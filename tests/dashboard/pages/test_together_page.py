"""The page Together: what it says of two listeners, whom it compares, what it leaves out, and who gets to see it."""

import json
import re
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from tests.dashboard.pages.app import NOW, App, signed_in, some, text_of, with_plays

ONE, TWO, THREE = ("listener-one", "listener-two", "listener-three")


def plays_of(app: App, *days: tuple[str, str, int, int]) -> App:
    """Only these plays: the listener, the artist, so many of three minutes a second apart, so many days ago."""
    parts = []
    for listener, artist, count, days_ago in days:
        by = {"artist_id": artist, "artist_name": artist, "artist_names": artist, "track_name": f"Song of {artist}"}
        plays = some(app, count, days_ago=days_ago, track_id=artist, **by)
        parts.append(plays.assign(listener_id=listener, source="api", ms_played=pd.NA))
    return with_plays(app, *parts)


@pytest.fixture
def pair(app: App) -> App:
    """Ania played Ada first, and Eve alone; Bo half as much Ada, and Cleo. Both have a long history."""
    return plays_of(
        app,
        (ONE, "Old", 1, 300), (TWO, "Old", 1, 290),
        (ONE, "Ada", 1, 200), (ONE, "Ada", 6, 5), (ONE, "Eve", 2, 5),
        (TWO, "Ada", 3, 5), (TWO, "Cleo", 1, 5),
    )  # fmt: skip


def test_two_listeners_are_compared_in_a_sentence_figures_and_lists(pair: App) -> None:
    drawn = pair.open("together", zone="UTC", by="Plays")

    text = text_of(drawn)
    assert "Ania and Bo both played **1 artist** and **1 track** in this period." in text
    assert "Their listening overlaps by **75.0%**." in text, "six of eight plays and three of four"
    figures = [(metric.label, metric.value, metric.delta) for metric in drawn.metric]
    assert figures == [("Ania", "8 plays", "75% to shared artists"), ("Bo", "4 plays", "75% to shared artists")]
    assert re.search(r"Song of Ada.*?<b>9 plays</b><span class=\"hr-small\">6 \+ 3</span>", text)
    assert "**Ania** was the first to play 1 shared artist." in text
    assert "Bo 195 days later" in text
    assert re.search(r"\*\*1 artist\*\* of this period that Bo never played.*Eve", text, re.DOTALL)
    assert re.search(r"\*\*1 artist\*\* of this period that Ania never played.*Cleo", text, re.DOTALL)


def test_each_listeners_names_lead_to_their_own_pages(pair: App) -> None:
    text = text_of(pair.open("together", zone="UTC", by="Plays"))

    assert 'href="artist?by=Plays&amp;zone=UTC&amp;id=Eve"' in text
    assert 'href="artist?listener=Bo&amp;by=Plays&amp;zone=UTC&amp;id=Cleo"' in text


def test_who_was_first_is_not_claimed_of_what_came_before_a_history(app: App) -> None:
    plays_of(app, (ONE, "Ada", 1, 300), (ONE, "Ada", 1, 5), (TWO, "Ada", 1, 9), (TWO, "Ada", 1, 5))

    text = text_of(app.open("together"))

    assert "Not known of 1 shared artist" in text
    assert "was the first" not in text


def test_with_three_listeners_two_are_chosen_or_as_many_as_the_address_says(app: App) -> None:
    assert [metric.label for metric in app.open("together").metric] == ["Ania", "Bo"]
    of_three = app.open("together", listener="listener-three")
    # The label is Markdown, of which no character may change the name.
    assert [metric.label for metric in of_three.metric] == [r"listener\-three", "Ania"]
    chosen = app.open("together", **{"with": ["Bo", "listener-three", "nobody"]})
    assert [metric.label for metric in chosen.metric] == ["Bo", r"listener\-three"]
    alone = app.open("together", **{"with": ["Bo"]})
    assert "Choose at least two listeners." in text_of(alone)


def test_the_eighth_of_eight_listeners_has_a_colour(app: App) -> None:
    slugs = [f"listener-{n}" for n in range(8)]
    top = app.warehouse.tables["top_tracks"].head(8).assign(listener_id=slugs)
    plays_of(app, *[(slug, "Ada", 2, 5) for slug in slugs])

    text = text_of(app.over(app.warehouse.with_table("top_tracks", top)).open("together", **{"with": slugs}))

    assert "listener-7</li>" in text
    assert "87.5% 100.0%)" in text, "to the end of the bar"


def test_who_played_nothing_in_the_period_is_left_out_or_named(pair: App) -> None:
    plays = pair.warehouse.tables["plays"]
    silent = plays.assign(listener_id=plays["listener_id"].replace(TWO, THREE))
    pair.over(pair.warehouse.with_plays(pd.concat([silent, plays[plays["played_at"] < NOW - timedelta(days=250)]])))

    drawn = pair.open("together")
    assert "Bo played nothing in this period" in text_of(drawn)
    assert [button.label for button in drawn.button] == ["Show 12 months", "Show all time"]

    three = pair.open("together", **{"with": ["Ania", "Bo", "listener-three"]})
    assert "Bo is left out: no play of this period counts." in text_of(three)
    assert [metric.label for metric in three.metric] == ["Ania", r"listener\-three"]


def test_plays_of_unknown_length_are_counted_in_plays_for_all(pair: App) -> None:
    plays = pair.warehouse.tables["plays"]
    pair.over(
        pair.warehouse.with_plays(plays.assign(duration_ms=plays["duration_ms"].where(plays["listener_id"] == ONE)))
    )

    drawn = pair.open("together")

    assert "No minutes of these plays are known" in text_of(drawn)
    assert [metric.value for metric in drawn.metric] == ["8 plays", "4 plays"]


def test_what_both_played_of_unknown_length_is_shared_by_minutes_as_well(pair: App) -> None:
    plays = pair.warehouse.tables["plays"]
    pair.over(pair.warehouse.with_plays(plays.assign(duration_ms=plays["duration_ms"].mask(plays["isrc"] == "Ada"))))

    text = text_of(pair.open("together", zone="UTC", by="Minutes"))

    assert "Ania and Bo both played **1 artist** and **1 track** in this period." in text
    assert re.search(r"Song of Ada.*?<b>unknown</b><span class=\"hr-small\">unknown \+ unknown</span>", text)


def test_what_may_be_missing_of_each_is_said_even_where_they_share_nothing(app: App) -> None:
    plays_of(app, (ONE, "Ada", 3, 5), (TWO, "Cleo", 3, 5))
    gap = {"gap_start": NOW - timedelta(days=4, hours=2), "gap_end": NOW - timedelta(days=4), "run_id": "run"}
    gaps = pd.DataFrame([{"listener_id": TWO, "detected_at": NOW, **gap}])
    runs = app.warehouse.tables["runs"].copy()
    gone = {ONE: {"state": "failed", "error_class": "NeedsConsent", "reason": "Consent was revoked."}}
    is_after = (runs["step"] == "ingest") & (runs["slot"] > NOW - timedelta(days=3))
    runs["details"] = [
        {"listeners": details["listeners"] | gone} if after else details
        for details, after in zip(runs["details"], is_after, strict=True)
    ]
    app.over(app.warehouse.with_table("gaps", gaps).with_table("runs", runs))

    text = text_of(app.open("together"))

    assert "Their listening does not overlap: that counts" in text
    assert "in which they played the same first-credited artist" in text
    assert "Plays of Bo may be missing: 1 gap in this period." in text
    assert re.search(r"Since 21 Nov no plays of Ania are collected: .* The Pipeline page says what to do", text)
    assert "Plays of Ania may be missing" not in text
    assert "outlined" not in text


def test_a_viewer_of_one_listener_sees_no_other(private: App) -> None:
    drawn = private.open("together", user=signed_in("ania@example.org"), **{"with": ["Ania", "Bo"]})

    assert "This page compares listeners, and you may see one" in text_of(drawn)
    assert not [name for name in ("Bo", TWO, THREE) if name in text_of(drawn)]


def test_a_viewer_of_two_compares_these_two(private: App) -> None:
    viewers: dict[str, Any] = {"ania@example.org": [ONE, THREE]}
    private.environment(DASHBOARD_VIEWERS=json.dumps(viewers))

    drawn = private.open("together", user=signed_in("ania@example.org"), **{"with": ["Bo", "listener-three"]})

    assert [metric.label for metric in drawn.metric] == ["Ania", r"listener\-three"]
    assert not [name for name in ("Bo", TWO) if name in text_of(drawn)]
