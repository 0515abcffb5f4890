"""How plays ended, on the page of a track and on Discoveries: known of some, of none, and of what counts nowhere."""

import re
from datetime import timedelta

import pandas as pd
import pytest

from tests.dashboard.invented.states import STATES
from tests.dashboard.pages.app import NOW, App, key_of, mine_of, text_of


def with_endings(app: App, *ending: str | None, track_id: str) -> App:
    """So many more plays of listener-one of this track, from an export, each with an ending."""
    plays = app.warehouse.tables["plays"]
    of_track = plays[(plays["listener_id"] == "listener-one") & (plays["track_id"] == track_id)].head(1)
    at = [NOW - timedelta(days=40, hours=number) for number in range(len(ending))]
    more = pd.concat([of_track] * len(ending), ignore_index=True).assign(played_at=pd.to_datetime(at), ending=ending)
    return app.over(app.warehouse.with_plays(pd.concat([plays.assign(ending=None), more]).sort_values("played_at")))


def test_a_track_says_how_often_it_was_skipped_and_of_how_many_plays_this_is_known(app: App) -> None:
    key = key_of(app, "track_id")
    before = (mine_of(app)["track_id"] == key).sum()
    drawn = with_endings(app, "end", "end", "end", "skip", "other", track_id=key).open("track", id=key, zone="UTC")
    metrics = {metric.label: (metric.value, metric.delta) for metric in drawn.metric}
    assert metrics["Played to the end"] == ("60%", "3 of 5 plays")
    assert metrics["Skipped"] == ("20%", "1 of 5 plays")
    text = text_of(drawn)
    assert f"How they ended is known of 5 of {before + 5} plays, the newest of 15 Oct 2026: only an import" in text
    assert "A longer play counts, whether it was skipped or not." in text


def test_discoveries_lists_what_is_skipped_most_and_what_is_played_to_the_end(app: App) -> None:
    key = key_of(app, "track_id")
    drawn = with_endings(app, *["skip"] * 4, "end", track_id=key).open("discoveries")
    text = text_of(drawn)
    assert "You played **20%** to the end and skipped **80%**." in text
    assert [header.value for header in drawn.subheader] == ["Skipped most", "Played to the end"]
    lists = re.findall(r'<ul class="hr-rows" aria-label="(?:Skipped most|Played to the end)".*?</ul>', text)
    assert [re.findall(r"<b>(\d+%)</b><span class=\"hr-small\">([^<]+)", each) for each in lists] == [
        [("80%", "4 of 5 plays")],
        [("20%", "1 of 5 plays")],
    ]
    assert all(f"id={key}" in each for each in lists)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (5, ["No track of which 5 or more endings are known was skipped."]),
        (4, ["There is no track of which 5 or more endings are known."] * 2),
    ],
)
def test_where_no_track_was_skipped_the_list_does_not_say_that_no_ending_is_known(
    app: App, known: int, said: list[str]
) -> None:
    drawn = with_endings(app, *["end"] * known, track_id=key_of(app, "track_id")).open("discoveries")
    assert [line.value for line in drawn.caption if "5 or more" in line.value] == said


def test_a_track_of_which_no_play_counts_is_listed_and_has_no_page(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    mine = plays[plays["listener_id"] == "listener-one"].tail(40)
    short = mine.head(5).assign(
        track_id="never-counted", isrc=None, source="export", ms_played=2_000, ending="skip", track_name="Never"
    )
    app.over(app.warehouse.with_plays(pd.concat([plays.assign(ending=None), short]).sort_values("played_at")))
    text = text_of(app.open("discoveries"))
    assert ">Never</p>" in text
    assert "id=never-counted" not in text


@pytest.mark.parametrize(("page", "what"), [("discoveries", "plays"), ("track", "plays of this track")])
def test_where_no_ending_is_known_the_page_says_how_to_know_it_and_shows_no_zero(
    app: App, page: str, what: str
) -> None:
    key = key_of(app, "track_id")
    app.over(STATES["no-endings"](app.warehouse, NOW))
    drawn = app.open(page, id=key)
    text = text_of(drawn)
    assert f"How {what} ended is not known. Spotify’s API does not say it, an export does" in text
    assert "`python -m cli import LISTENER FILE…`" in text
    assert not {"Skipped", "Played to the end"} & {metric.label for metric in drawn.metric}
