"""Pages with nothing to show, or something broken: every state says what to do next, and none shows zeros."""

import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from tests.dashboard import invented_warehouse
from tests.dashboard.invented_warehouse import InventedWarehouse
from tests.dashboard.page_app import LISTENING, NOW, PAGES, App, app, text_of

__all__ = ["app"]


def with_table(warehouse: InventedWarehouse, table: str, rows: pd.DataFrame) -> InventedWarehouse:
    return replace(warehouse, tables={**warehouse.tables, table: rows})


@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_run_every_page_says_how_to_start(app: App, page: str) -> None:
    nothing = app.warehouse
    for table in ("plays", "top_tracks", "gaps", "runs"):
        nothing = nothing.without(table)

    drawn = app.over(nothing).open(page)

    assert not drawn.exception
    assert "Nothing has been collected yet" in text_of(drawn)
    assert "python -m cli authorize" in text_of(drawn)
    assert not drawn.metric


@pytest.mark.parametrize("page", LISTENING)
def test_runs_without_plays_say_what_spotify_does_not_tell(app: App, page: str) -> None:
    drawn = app.over(app.warehouse.without("plays").without("top_tracks")).open(page)

    assert not drawn.exception
    assert "No plays of Ania yet" in text_of(drawn)
    assert "python -m cli import" in text_of(drawn)
    assert not drawn.metric


def test_the_pipeline_is_shown_before_the_first_play(app: App) -> None:
    drawn = app.over(app.warehouse.without("plays").without("top_tracks").without("gaps")).open("pipeline")

    assert not drawn.exception
    assert "No top ten has been computed yet" in text_of(drawn)
    assert "Newest play never" in text_of(drawn)


@pytest.mark.parametrize("page", ["overview", "top", "when", "discoveries", "sound"])
def test_an_empty_period_names_the_nearest_play_and_offers_a_wider_one(app: App, page: str) -> None:
    plays = app.warehouse.tables["plays"]
    old = plays[plays["played_at"] < NOW - timedelta(days=100)]

    drawn = app.over(app.warehouse.with_plays(old)).open(page)

    assert "Nothing was played in this period" in text_of(drawn)
    assert "The last play before it" in text_of(drawn)
    drawn.button(key="widen_all").click().run()
    assert not drawn.exception
    assert drawn.segmented_control(key="period").value == "All time"
    assert "Nothing was played" not in text_of(drawn)


@pytest.mark.parametrize("page", PAGES)
def test_one_play_is_enough_for_every_page(app: App, page: str) -> None:
    plays = app.warehouse.tables["plays"]
    last = plays[plays["listener_id"] == "listener-one"].tail(1)

    drawn = app.over(app.warehouse.with_plays(last).without("top_tracks").without("gaps")).open(page)

    assert not drawn.exception


def test_few_plays_get_no_averages(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    few = plays[plays["listener_id"] == "listener-one"].tail(6)

    said = text_of(app.over(app.warehouse.with_plays(few)).open("when"))

    assert "too few for averages" in said
    assert "You listen most on" not in said


def test_without_features_the_sound_page_tells_why_and_shows_what_is_known(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    features = dict.fromkeys([*invented_warehouse.FEATURES, "features_source"])

    drawn = app.over(app.warehouse.with_plays(plays.assign(**features))).open("sound")

    assert not drawn.exception
    assert "27 November 2024" in text_of(drawn)
    assert "AUDIO_FEATURES_SOURCE" in text_of(drawn)
    assert [metric.label for metric in drawn.metric] == ["Average length", "Explicit", "Popularity"]


@pytest.mark.parametrize("page", PAGES)
def test_a_warehouse_that_was_never_read_is_an_error_and_no_zeros(app: App, page: str) -> None:
    drawn = app.over(replace(app.warehouse, down=True)).open(page)

    assert not drawn.exception
    assert "The warehouse could not be read" in drawn.error[0].value
    assert not drawn.metric
    assert drawn.title[0].value == page.capitalize()


def test_a_warehouse_that_goes_away_leaves_the_last_copy_and_its_age(app: App) -> None:
    warehouse = replace(app.warehouse)
    drawn = app.over(warehouse).open()
    before = [metric.value for metric in drawn.metric]
    warehouse.down = True

    drawn.run()

    assert not drawn.exception
    assert "You see the copy of" in drawn.warning[0].value
    assert [metric.value for metric in drawn.metric] == before


def test_a_pipeline_that_stopped_is_said_on_every_page_and_charts_go_on(app: App) -> None:
    runs = app.warehouse.tables["runs"]
    stopped = with_table(app.warehouse, "runs", runs[runs["slot"] < NOW - timedelta(hours=6)])

    drawn = app.over(stopped).open()

    assert re.match(r"Late: the last run finished \d+ hours ago\. The charts show", drawn.warning[0].value)
    assert drawn.metric


def test_a_pause_that_spotify_asked_for_is_told(app: App) -> None:
    runs = app.warehouse.tables["runs"]
    until = pd.Timestamp(NOW) + pd.Timedelta(hours=20)
    paused = runs.assign(blocked_until=[until, *[pd.NaT] * (len(runs) - 1)])

    said = text_of(app.over(with_table(app.warehouse, "runs", paused)).open("pipeline"))

    assert "Spotify asked for a pause" in said


def test_five_listeners_can_each_be_chosen(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    one = plays[plays["listener_id"] == "listener-one"]
    more = [one.assign(listener_id=f"listener-{name}") for name in ("four", "five")]
    top = app.warehouse.tables["top_tracks"]
    tops = [
        top[top["listener_id"] == "listener-one"].assign(listener_id=f"listener-{name}") for name in ("four", "five")
    ]
    five = with_table(app.warehouse.with_plays(pd.concat([plays, *more])), "top_tracks", pd.concat([top, *tops]))

    drawn = app.over(five).open()

    assert drawn.selectbox(key="listener").options == ["Ania", "Bo", "listener-five", "listener-four", "listener-three"]
    drawn.selectbox(key="listener").select("listener-five").run()
    assert not drawn.exception


def test_a_missing_setting_is_named(app: App) -> None:
    app.environment(GOOGLE_CLOUD_PROJECT="")

    drawn = app.open()

    assert not drawn.exception
    assert "GOOGLE_CLOUD_PROJECT is not set" in drawn.error[0].value
