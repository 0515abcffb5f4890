"""Pages with nothing to show, or something broken: every state says what to do next, and none shows zeros."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import pytest

from components.markdown import plain
from tests.dashboard.invented.states import STATES
from tests.dashboard.invented.warehouse import InventedWarehouse, warehouse
from tests.dashboard.page_names import LISTENING, PAGES
from tests.dashboard.pages.app import NOW, App, charts_of, key_of, per_day, some, text_of
from warehouse import store


@cache
def of_state(state: str) -> InventedWarehouse:
    return STATES[state](warehouse(NOW), NOW)


def in_state(app: App, state: str) -> App:
    return app.over(of_state(state))


@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_run_every_page_says_how_to_start(app: App, page: str) -> None:
    drawn = in_state(app, "never-run").open(page)

    assert "Nothing has been collected yet" in text_of(drawn)
    assert "`invented.listening`" in text_of(drawn)
    assert "make deploy" in text_of(drawn)
    assert "python -m cli authorize LISTENER`" in text_of(drawn)
    assert not drawn.metric


def test_on_the_laptop_the_first_steps_are_the_laptops(app: App) -> None:
    app.environment(BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1")

    text = text_of(in_state(app, "never-run").open())

    assert "`make up`" in text
    assert "python -m cli authorize LISTENER --laptop" in text
    assert "terraform" not in text


@pytest.mark.parametrize("page", LISTENING)
def test_runs_without_plays_say_what_spotify_does_not_tell(app: App, page: str) -> None:
    drawn = in_state(app, "no-plays").open(page)

    assert "No plays of Ania yet" in text_of(drawn)
    assert re.search(r"has run 3\d\d times in the last two weeks, and it runs again at \d\d:00\.", text_of(drawn))
    assert "python -m cli import" in text_of(drawn)
    assert not drawn.metric


def test_the_pipeline_is_shown_before_the_first_play(app: App) -> None:
    drawn = in_state(app, "no-plays").open("pipeline")

    assert "No top ten has been computed yet" in text_of(drawn)
    assert "Newest play never" in text_of(drawn)


@pytest.mark.parametrize("page", ["overview", "top", "when", "discoveries", "sound"])
def test_an_empty_period_names_the_nearest_play_and_offers_a_wider_one(app: App, page: str) -> None:
    drawn = in_state(app, "nothing-lately").open(page)

    assert "Nothing was played in this period" in text_of(drawn)
    assert "The last play before it" in text_of(drawn)
    # The newest play is a hundred days old: no shorter period holds one.
    assert [button.label for button in drawn.button] == ["Show 12 months", "Show all time"]
    drawn.button(key="widen_all").click().run()
    assert not drawn.exception
    assert drawn.segmented_control(key="period").value == "All time"
    assert "Nothing was played" not in text_of(drawn)


@pytest.mark.parametrize(
    ("page", "query", "title", "near"),
    [
        # The export ends 40 days ago, and no run has polled Spotify.
        ("overview", {}, "No plays in this period were collected", "Since 15 Oct no plays of Ania are collected."),
        ("year", {"month": "Nov"}, "No plays of November 2026 were collected", "Since 15 Oct no plays of Ania are"),
        # Its first play is of 5 October.
        ("top", {"period": "Custom", "dates": ["2026-09-01", "2026-10-03"]}, "No plays in this", "first play after it"),
        ("together", {}, "No plays of Ania in this period were collected", "Since 15 Oct no plays of Ania are"),
    ],
)
def test_what_was_not_collected_is_not_called_silence(
    app: App, page: str, query: dict[str, Any], title: str, near: str
) -> None:
    plays = pd.concat([*per_day(app, range(50, 39, -1)), some(app, 9, days_ago=0.1, listener_id="listener-two")])
    app.over(app.warehouse.with_plays(plays).without("gaps").without("runs"))

    text = text_of(app.open(page, zone="UTC", **query))

    assert title in text
    assert near in text
    assert "othing was played" not in text


@pytest.mark.parametrize("page", PAGES)
def test_one_play_is_enough_for_every_page(app: App, page: str) -> None:
    drawn = in_state(app, "one-play").open(page)

    assert "0 min a day" not in text_of(drawn)
    assert not re.search(r"\b1 (minutes|plays|days|tracks|artists)\b", text_of(drawn))


def test_few_plays_get_no_averages(app: App) -> None:
    text = text_of(in_state(app, "few-plays").open("when"))

    assert "**6 plays** in this period" in text
    assert "Too few plays for averages. A longer period may show more." in text
    assert "You listen most on" not in text


def test_few_plays_get_neither_an_average_nor_bars_on_the_overview(app: App) -> None:
    drawn = in_state(app, "few-plays").open()

    assert "**6 plays** in this period" in text_of(drawn)
    assert "on average" not in text_of(drawn)
    assert not [metric for metric in drawn.metric if metric.proto.chart_data]


def test_without_features_the_sound_page_gives_the_reason_and_shows_what_is_known(app: App) -> None:
    drawn = in_state(app, "no-features").open("sound")

    assert re.search(r"Your tracks last \*\*\d\.\d minutes\*\* on average\. The largest part", text_of(drawn))
    assert len(charts_of(drawn)) == 2
    assert "27 November 2024" in text_of(drawn)
    for named in ("`AUDIO_FEATURES_SOURCE=reccobeats`", "`audio_features_source", "`python -m cli enrich`"):
        assert named in text_of(drawn)
    assert "after the next Spark batch" in text_of(drawn)
    assert [metric.label for metric in drawn.metric] == ["Average length", "Explicit", "Popularity"]


@pytest.mark.parametrize("page", PAGES)
def test_a_warehouse_that_was_never_read_is_an_error_and_no_zeros(app: App, page: str) -> None:
    drawn = in_state(app, "down").open(page)

    assert "The warehouse could not be read" in drawn.error[0].value
    assert not drawn.metric
    assert drawn.title[0].value == page.capitalize()


def test_a_warehouse_that_goes_away_leaves_the_last_copy_and_its_age(app: App) -> None:
    going = replace(app.warehouse)
    drawn = app.over(going).open()
    before = [metric.value for metric in drawn.metric]
    going.down = True

    drawn.run()

    assert not drawn.exception
    assert re.search(r"You see the copy of .*, made (just now|\d+ (s|min) ago)\.", drawn.warning[0].value)
    assert [metric.value for metric in drawn.metric] == before


def test_a_pipeline_that_stopped_is_said_on_every_page_and_charts_go_on(app: App) -> None:
    drawn = in_state(app, "late").open()

    assert re.match(r"Late: the last run finished \d+ h( \d+ min)? ago\. The charts show", drawn.warning[0].value)
    assert drawn.metric


def test_a_failing_step_is_named_with_its_next_step(app: App) -> None:
    in_state(app, "failing")

    assert "Failing for" in app.open().warning[0].value
    text = text_of(app.open("pipeline"))
    assert re.search(r"Failing for [67] h( \d+ min)?: load", text)
    assert "consent was revoked, run python -m cli authorize listener-one.</p>" in text, "once, without backticks"
    assert re.search(r"since \w{3} \d+ \w{3}, \d\d:\d\d, last ", text)
    assert "Ania: consent is gone: Spotify refuses it. Run `python -m cli authorize listener-one`." in text
    assert "<td>none, needs consent</td>" in text
    assert "<b>Next:</b> Look at the file and the reason beside it in the quarantine bucket." in text


def test_a_listener_whose_consent_ended_sees_that_on_their_pages(app: App) -> None:
    runs = STATES["failing"](app.warehouse, NOW).tables["runs"]
    is_mended = (runs["step"] != "ingest") & (runs["state"] == "failed")
    loaded = runs.assign(state=runs["state"].mask(is_mended, "succeeded"), rows_new=runs["rows_new"].mask(is_mended, 0))
    app.over(app.warehouse.with_table("runs", loaded))

    assert "could not read Ania's plays: consent was revoked, run python" in (
        text := plain(app.open().warning[0].value)
    )
    assert "authorize listener-one. The Pipeline page says" in text
    assert not app.open(listener="Bo").warning


def test_a_home_time_zone_that_does_not_exist_is_named_on_the_pipeline_page(app: App) -> None:
    app.environment(
        DASHBOARD_LISTENERS='{"listener-one": {"name": "Ania", "time_zone": "Europe/Berln"}, '
        '"listener-two": {"name": "Bo", "time_zone": "America/New_York"}}'
    )
    pipeline = app.open("pipeline")

    (warning,) = [plain(one.value) for one in pipeline.warning if "time zone" in one.value]
    assert warning.startswith("The home time zone of Ania is set to Europe/Berln, which does not exist.")
    assert "`DASHBOARD_LISTENERS`" in warning


def test_a_missing_setting_is_named(app: App) -> None:
    app.environment(GOOGLE_CLOUD_PROJECT="")

    drawn = app.open()

    assert "GOOGLE_CLOUD_PROJECT is not set" in drawn.error[0].value


@pytest.mark.parametrize(
    ("table", "page"),
    [("plays", "overview"), ("tracks", "overview"), ("top_tracks", "overview"), ("runs", "top"), ("gaps", "pipeline")],
)
def test_a_table_that_is_missing_beside_the_others_is_named_with_the_way_to_it(app: App, table: str, page: str) -> None:
    app.over(replace(app.warehouse, missing=(table,)))

    text = text_of(app.open(page))

    assert f"The table `{table}` is missing in the dataset" in text
    assert "`terraform apply`" in text
    assert "Nothing has been collected yet" not in text


def test_without_any_table_nothing_was_deployed(app: App) -> None:
    app.over(replace(app.warehouse, missing=store.TABLES))

    assert "Nothing has been collected yet" in text_of(app.open())


@pytest.mark.parametrize("page", ["overview", "when", "year", "track"])
def test_where_no_minute_is_known_plays_are_counted_and_no_zero_is_shown(app: App, page: str) -> None:
    plays = app.warehouse.tables["plays"].assign(ms_played=None, duration_ms=None)
    app.over(app.warehouse.with_plays(plays.astype({"ms_played": "Int64", "duration_ms": "Int64"})))

    drawn = app.open(page, **({"id": key_of(app, "track_id")} if page == "track" else {}))

    text = text_of(drawn)
    assert "No minutes of these plays are known" in text
    assert not re.search(r"\b0 min|[Mm]inutes (are )?estimated", text)
