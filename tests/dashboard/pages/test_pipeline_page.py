"""The Pipeline page and what other pages say of it: an old copy of the ledger, next steps, commands, schedules."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components.markdown import plain
from components.pipeline_tables import catalogue_sentence, consent_ends
from pipeline import run_hours
from tests.dashboard.invented.history import gaps_of
from tests.dashboard.invented.states import STATES, stale_store
from tests.dashboard.pages.app import NOW, App, failed_cell, text_of
from warehouse.store import Loaded

HOUR = timedelta(hours=1)


@pytest.fixture
def laptop(app: App) -> App:
    app.environment(BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1")
    return app


def over_runs(app: App, runs: pd.DataFrame) -> App:
    return app.over(app.warehouse.with_table("runs", runs))


def two_runs(app: App, **load: Any) -> App:
    """Two hours ago a run landed plays, of which load records this, or nothing at all; an hour ago all was well."""
    runs = app.warehouse.tables["runs"]
    ingest = runs[runs["step"] == "ingest"].iloc[-1].to_dict()
    then = {name: NOW - 2 * HOUR + timedelta(minutes=n) for n, name in enumerate(("slot", "started_at", "finished_at"))}
    landed = ingest | then | {"run_id": f"{NOW - 2 * HOUR:%Y%m%dT%H%M%SZ}", "state": "succeeded", "rows_new": 3}
    loaded = landed | {"step": "load", "details": None, **load}
    after = {name: instant + HOUR for name, instant in then.items()}
    skipped = ingest | after | {"run_id": f"{NOW - HOUR:%Y%m%dT%H%M%SZ}", "state": "skipped", "rows_new": 0}
    return over_runs(app, pd.DataFrame([landed, *([loaded] if load else []), skipped]))


def without_failed_batches(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.assign(state=runs["state"].mask(runs["step"] == "top_tracks", "succeeded"))


def drawer(app: App, step: str) -> AppTest:
    return app.open("pipeline", cell=f"{NOW - 2 * HOUR:%Y-%m-%dT%H}.{step}")


def next_of(drawn: AppTest) -> list[str]:
    return [str(one.value) for one in drawn.markdown if str(one.value).startswith("**Next:**")]


def test_a_load_that_leaves_no_record_is_said_on_every_page_and_has_its_own_next_step(app: App) -> None:
    drawn = drawer(two_runs(app), "load")

    assert re.search(r"Failing for [23] h( \d+ min)?: load left no record", text_of(drawn))
    assert "After ingest: load **1 missing**." in text_of(drawn)
    assert "start Spark · missing" not in text_of(drawn), "it could not follow"
    (following,) = next_of(drawn)
    assert following.startswith("**Next:** Read the log of the function load: it leaves no record when")
    assert "load left no record. The charts show what has arrived." in app.open().warning[0].value


@pytest.mark.parametrize("step", ["transform", "top_tracks"])
def test_a_step_that_could_not_follow_sends_to_the_one_before_it(app: App, step: str) -> None:
    (following,) = next_of(drawer(two_runs(app), step))

    assert following.startswith("**Next:** Read the log of the function load")


def test_a_failed_load_has_a_next_step_in_its_drawer(app: App) -> None:
    refused = two_runs(app, state="failed", error_class="FileRefused", reason="BigQuery refused the file: energy.")

    assert next_of(drawer(refused, "load")) == [
        "**Next:** Look at the file and the reason beside it in the quarantine bucket."
    ]


def test_a_reason_that_names_its_next_step_is_not_followed_by_another(app: App) -> None:
    reason = "1 other row was refused, see x in the quarantine bucket."
    drawn = drawer(two_runs(app, error_class="RowsRefused", rows_new=0, reason=reason), "load")

    assert reason in [plain(str(one.value)) for one in drawn.markdown]
    assert next_of(drawn) == []


def test_what_went_well_has_no_next_step(app: App) -> None:
    drawn = drawer(two_runs(app, rows_new=0), "load")

    assert "Attempts" in text_of(drawn)
    assert next_of(drawn) == []


def test_an_old_copy_of_the_ledger_is_judged_as_it_was_and_says_how_old_it_is(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = without_failed_batches(app.store.runs().value)
    known_until = NOW - 6 * HOUR + timedelta(minutes=10)
    old = Loaded(copy[copy["slot"] < known_until], known_until, "BigQuery did not answer.")
    monkeypatch.setattr(app.store, "runs", lambda: old)

    pipeline, overview = app.open("pipeline"), app.open()

    assert "are collected" not in text_of(overview)
    shown = text_of(pipeline)
    assert "Late" not in shown
    assert re.search(r"the last run finished (\d+ h )?\d+ (min|h) ago, when it was last read", shown)
    # Nine and eight hours ago runs failed, and nineteen and twenty hours ago nothing ran; of the rest nothing is known.
    assert "Of the last 24 hours, **2 failed and 2 missing**" in shown
    (stale,) = [one.value for one in pipeline.warning if "You see the copy of" in one.value]
    assert re.match(r"BigQuery did not answer\. You see the copy of .*, made [56] h", stale)
    assert [one.value[:45] for one in overview.warning] == [stale[:45]]


def test_a_pause_is_said_on_every_page_and_is_not_called_healthy(app: App) -> None:
    runs = without_failed_batches(app.warehouse.tables["runs"])
    is_paused = (runs["slot"] > NOW - 5 * HOUR) & (runs["step"] == "ingest")
    paused = runs[is_paused].assign(state="skipped", rows_new=0, blocked_until=pd.Timestamp(NOW + 20 * HOUR))
    paused["details"] = [{"listeners": {}}] * len(paused)
    over_runs(app, pd.concat([runs[runs["slot"] <= NOW - 5 * HOUR], paused]))

    pipeline = app.open("pipeline")

    shown = text_of(pipeline)
    assert "Paused: Spotify asked for a pause" in shown
    assert "Spotify asked for a pause: no call is made before Wed 25 Nov, 09:00." in shown
    assert "In **5 hours** no listener was polled: Spotify had asked for a pause." in shown
    assert app.open().warning[0].value.startswith("Paused: Spotify asked for a pause. The charts show")


@pytest.mark.parametrize(("state", "page"), [("failing", "pipeline"), ("no-plays", "top"), ("never-run", "top")])
def test_on_the_laptop_every_command_is_the_laptops(laptop: App, state: str, page: str) -> None:
    drawn = laptop.over(STATES[state](laptop.warehouse, NOW)).open(page)

    commands = re.findall(r"`(python -m cli [^`]*)`", text_of(drawn))
    assert commands
    assert [command for command in commands if not command.endswith(" --laptop")] == []


def test_the_clouds_commands_in_the_ledgers_sentences_become_the_laptops(laptop: App) -> None:
    shown = text_of(laptop.over(STATES["failing"](laptop.warehouse, NOW)).open("pipeline"))

    assert "`python -m cli import listener-one FILE… --laptop`" in shown
    assert "consent was revoked, run python -m cli authorize listener-one --laptop.</p>" in shown


def test_on_the_laptop_a_missing_run_links_no_log_in_the_cloud(laptop: App) -> None:
    (following,) = next_of(drawer(two_runs(laptop), "load"))

    assert following == (
        "**Next:** Read logs/load.log in the laptop cloud's directory. The next run lands the plays again."
    )


def test_a_consent_that_has_ended_has_no_days_left(app: App) -> None:
    def ended(details: Any) -> Any:
        if not isinstance(details, dict):
            return details
        end = {"consent_ends_at": (NOW - timedelta(days=12)).isoformat()}
        return {"listeners": {slug: part | end for slug, part in details["listeners"].items()}}

    runs = app.warehouse.tables["runs"]
    shown = text_of(over_runs(app, runs.assign(details=runs["details"].map(ended))).open("pipeline"))

    assert re.search(r"<td>ended \d+ \w{3} \d{4}</td>", shown)
    assert "<td>-1" not in shown


def test_possible_gaps_of_thirty_days_are_cut_to_them_and_counted_once(app: App) -> None:
    """A day and a half of one that began in August, and two of two days that share one: four days and a half."""
    gaps = gaps_of(
        ("2026-08-01 00:00", "2026-10-27 00:20"),
        ("2026-11-14 10:00", "2026-11-16 10:00"), ("2026-11-15 10:00", "2026-11-17 10:00"),
        ("2026-08-01 00:00", "2026-10-25 12:20"),
    ).assign(listener_id="listener-one", run_id="run", detected_at=NOW)  # fmt: skip

    drawn = app.over(app.warehouse.with_table("gaps", gaps)).open("pipeline")

    [found] = [metric for metric in drawn.metric if metric.label == "Possible gaps, 30 days"]
    assert (found.value, found.delta) == ("3", "about 4 days")


def test_of_a_listener_whom_no_run_could_read_no_number_of_plays_is_said(app: App) -> None:
    def unread(details: Any) -> Any:
        failed = {"state": "failed", "error_class": "NeedsConsent", "fetched": 0, "new": 0}
        return details and {"listeners": {slug: part | failed for slug, part in details["listeners"].items()}}

    runs = app.warehouse.tables["runs"]
    shown = text_of(over_runs(app, runs.assign(details=runs["details"].map(unread))).open("pipeline"))

    assert "No run has polled this listener in the last 48 hours." in shown
    assert "were new in a run" not in shown


def test_the_next_run_comes_when_the_schedule_says(app: App) -> None:
    app.environment(SCHEDULE="17 * * * *")

    shown = text_of(app.over(STATES["no-plays"](app.warehouse, NOW)).open())

    assert re.search(r"it runs again at \d\d:17\.", shown)


def test_the_reason_of_a_run_reads_as_it_was_without_its_code_marks(app: App) -> None:
    reason = "no plays, run `python -m cli authorize ania`: *now*"
    drawn = drawer(two_runs(app, state="failed", error_class="FileRefused", reason=reason), "load")

    assert "no plays, run python -m cli authorize ania: *now*" in [plain(str(one.value)) for one in drawn.markdown]


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((11_400, 9_120, 0, 960), "Known for **9,120 of 11,400** tracks of all listeners, about 3 days to go."),
        ((11_400, 11_390, 0, 960), "Known for **11,390 of 11,400** tracks of all listeners, about 1 day to go."),
        ((100, 60, 40, 0), "Known for **60 of 100** tracks of all listeners, 40 unknown to the provider."),
        ((1, 1, 0, 0), "Known for **1 of 1** track of all listeners."),
        ((0, 0, 0, 0), "Known for **0 of 0** tracks of all listeners."),
        (
            (100, 60, 0, 0),
            "Known for **60 of 100** tracks of all listeners. No provider was called in the last day: the setting "
            "`AUDIO_FEATURES_SOURCE` of ingest (`audio_features_source` in terraform.tfvars) chooses one.",
        ),
    ],
)
def test_the_catalogue_says_how_far_it_is_and_how_long_the_rest_takes(counts: tuple[int, int, int, int], sentence: str):
    assert catalogue_sentence(*counts) == sentence


def test_the_catalogue_is_shown_on_the_page(app: App) -> None:
    shown = text_of(app.open("pipeline"))

    assert re.search(r"Known for \*\*\d+%\*\* of the listening of Ania\.\n", shown)
    assert re.search(r"Known for \*\*[\d,]+ of [\d,]+\*\* tracks of all listeners", shown)


def test_a_catalogue_that_cannot_be_read_is_named_and_no_number_is_made_up(app: App) -> None:
    app.over(replace(app.warehouse, missing=("catalogue",)))

    drawn = app.open("pipeline")

    assert [text.value[:57] for text in drawn.warning if "catalogue" in text.value] == [
        "This could not be read. The table `catalogue` is missing "
    ]
    assert "of all listeners" not in text_of(drawn)
    assert "Rows and size of every table" in text_of(drawn), "the sections below are drawn"


def test_what_goes_wrong_in_every_run_of_a_step_is_one_row(app: App) -> None:
    text = text_of(app.over(STATES["failing"](app.warehouse, NOW)).open("pipeline"))

    assert re.findall(r"<b>([^<]*)</b> · load · failed · open", text) == [
        "since Tue 24 Nov, 07:00, last Tue 24 Nov, 13:00"
    ]


def test_a_page_of_copies_warns_of_them_once_and_is_drawn_to_its_end(app: App) -> None:
    """There is a copy of all but the catalogue and the sizes of the tables."""
    app.store = stale_store(app.warehouse)

    drawn = app.open("pipeline")

    assert len([text.value for text in drawn.warning if "You see the copy of" in text.value]) == 1
    assert [text.value for text in drawn.warning if "This could" in text.value] == [
        "This could not be read. BigQuery did not answer."
    ] * 2
    assert drawn.expander


def test_an_old_copy_of_the_catalogue_says_that_it_is_one(app: App) -> None:
    app.over(replace(app.warehouse))
    app.open("pipeline")
    app.warehouse.missing = ("catalogue",)

    drawn = app.open("pipeline")

    [stale] = [text.value for text in drawn.warning if "You see the copy of" in text.value]
    assert stale.startswith("The table `catalogue` is missing")
    assert "tracks of all listeners" in text_of(drawn)


def test_the_pipeline_page_shows_how_much_there_is_and_what_looking_at_it_cost(app: App) -> None:
    shown = text_of(app.open("pipeline"))

    plays = len(app.warehouse.tables["plays"])
    assert re.search(rf"<td[^>]*>plays</td><td[^>]*>{plays:,}</td><td[^>]*>{plays * 300 / 2**20:,.0f} MB</td>", shown)
    assert "BigQuery has billed this server for 30 MB of queries since midnight UTC" in shown


def test_the_pipeline_names_what_went_wrong_and_when_consent_ends(app: App) -> None:
    shown = text_of(app.open("pipeline"))

    assert "2 failed and 2 missing" in shown
    assert "Spotify answered 503 three times" in shown
    assert "Ania: consent ends in" in shown
    assert "python -m cli authorize listener-one" in shown


@pytest.mark.parametrize(
    ("level", "ends_in", "said"),
    [
        ("soon", timedelta(days=5, hours=1), "ends in 5 days"),
        ("soon", timedelta(hours=5), "ends in 5 h"),
        ("ended", timedelta(hours=-1), "ended 1 h ago"),
        ("ended", timedelta(days=-3), "ended 3 days ago"),
        ("gone", timedelta(days=40), "is gone: Spotify refuses it"),
    ],
)
def test_a_consent_that_ends_or_ended_within_two_days_says_hours(level: str, ends_in: timedelta, said: str) -> None:
    assert consent_ends({"level": level, "ends_at": pd.Timestamp(NOW + ends_in)}, NOW) == said


@pytest.mark.parametrize("ends_at", [(NOW + timedelta(days=40)).isoformat(), None])
def test_that_no_consent_ends_soon_is_said_only_where_the_ends_are_known(app: App, ends_at: str | None) -> None:
    runs = app.warehouse.tables["runs"]
    parts = {"listener-one": {"state": "nothing_new", "fetched": 50, "new": 0, "consent_ends_at": ends_at}}
    app.over(app.warehouse.with_table("runs", runs.assign(details=[{"listeners": parts}] * len(runs))))

    shown = text_of(app.open("pipeline"))

    assert ("No consent ends in the next 30 days." in shown) == bool(ends_at)


def test_what_went_wrong_with_a_listener_who_was_taken_out_is_over_and_not_called_recovered(app: App) -> None:
    ingest = app.warehouse.tables["runs"].query("step == 'ingest'").iloc[-1].to_dict()
    read, refused = {"state": "nothing_new"}, {"state": "failed", "error_class": "NeedsConsent", "reason": "revoked"}
    rows = []
    for slot, parts in ((NOW - HOUR, {"listener-one": read, "listener-two": refused}), (NOW, {"listener-one": read})):
        instants = {"slot": slot, "started_at": slot, "finished_at": slot + timedelta(minutes=1)}
        run_id = f"{slot:%Y%m%dT%H%M%SZ}"
        rows.append(ingest | instants | {"run_id": run_id, "state": "skipped", "details": {"listeners": parts}})

    shown = text_of(over_runs(app, pd.DataFrame(rows)).open("pipeline"))

    assert "All of it is over." in shown
    assert "ingest, Bo · failed · over" in shown
    assert "recovered" not in shown


def test_every_state_of_a_run_has_a_word_in_the_legend(app: App) -> None:
    shown = text_of(app.open("pipeline"))

    states = [state for state in run_hours.STATES if state != "unreadable"]  # nothing here is
    assert [state for state in run_hours.STATES if f"</span>{state}</li>" in shown] == states


def test_a_cell_in_the_address_opens_its_drawer(app: App) -> None:
    cell = failed_cell(app)

    drawn = app.open("pipeline", cell=cell)
    shown = text_of(drawn)

    assert "Spotify answered 503 three times; the next run picks the plays up." in plain(shown)
    assert "**Next:**" not in shown, "the reason says it"
    assert "<td>17 s</td><td>failed</td>" in shown
    assert shown.count("Spotify answered 503 three times.</td>") == 3, "one line for each listener"
    [link] = [button for button in drawn.link_button if "Cloud Logging" in button.label]
    run_id = f"{cell[:4]}{cell[5:7]}{cell[8:10]}T{cell[11:13]}0000Z"
    assert f"jsonPayload.run_id%3D%22{run_id}%22" in link.url
    assert link.url.endswith("?project=invented")


def test_an_hour_without_a_record_can_be_opened_as_well(app: App) -> None:
    shown = text_of(app.open("pipeline", cell=f"{NOW - timedelta(hours=19):%Y-%m-%dT%H}.load"))

    assert "No record, and none of the step before it." in plain(shown)
    assert "The ledger has no row of it." in shown


def test_on_the_laptop_no_drawer_points_to_the_cloud(laptop: App) -> None:
    drawn = laptop.open("pipeline", cell=failed_cell(laptop))

    assert "Attempts" in text_of(drawn)
    assert not drawn.link_button


@pytest.mark.parametrize("cell", ["rubbish", "1999-01-01T00.ingest"])
def test_rubbish_in_the_address_opens_no_drawer(app: App, cell: str) -> None:
    drawn = app.open("pipeline", cell=cell)

    assert "Attempts" not in text_of(drawn)


def after_an_import(app: App, last_run_days: int | None) -> App:
    """An import of an hour ago, and before it one run of ingest, or none."""
    runs = app.warehouse.tables["runs"]
    ingest = runs[runs["step"] == "ingest"].iloc[-1].to_dict()
    rows = [ingest | {"run_id": "import", "step": "import", "details": None}]
    if last_run_days is not None:
        age = timedelta(days=last_run_days)
        rows += [ingest | {name: ingest[name] - age for name in ("slot", "started_at", "finished_at")}]
    return over_runs(app, pd.DataFrame(rows))


def test_a_pipeline_that_stopped_weeks_before_an_import_is_late(app: App) -> None:
    stopped = after_an_import(app, last_run_days=20)

    shown = text_of(stopped.open("pipeline"))

    assert "Late: the last run finished 20 days ago" in shown
    assert "Nothing has been collected yet" not in shown
    assert "Of the last 24 hours, **24 missing**" in shown
    assert "No run was recorded." in shown
    assert "Late: the last run finished 20 days ago." in stopped.open().warning[0].value


def test_runs_of_more_than_two_weeks_ago_are_not_counted_as_those_of_two_weeks(app: App) -> None:
    stopped = after_an_import(app, last_run_days=20)
    plays = stopped.warehouse.tables["plays"]
    stopped.over(stopped.warehouse.with_plays(plays[plays["listener_id"] != "listener-one"]))

    assert "No run of the last two weeks is recorded; the next one is due at" in text_of(stopped.open())


def test_before_the_first_run_an_import_is_not_said_to_be_nothing(app: App) -> None:
    imported = after_an_import(app, last_run_days=None)

    pipeline, overview = imported.open("pipeline"), imported.open()

    assert "Nothing has been collected yet" not in text_of(pipeline)
    assert "Never ran" in text_of(pipeline)
    assert "All plays are from imports" in pipeline.warning[0].value
    assert "`python -m cli run-now`" in pipeline.warning[0].value
    assert overview.warning[0].value.startswith("Never ran. The charts show what has arrived.")
