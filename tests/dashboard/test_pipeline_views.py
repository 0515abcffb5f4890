"""The ledger in words: every state of the grid, what went wrong and what to do, consent, lag and the last batch."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

import pipeline_grid
import pipeline_health
import pipeline_words
from tests.dashboard.invented import at

NOW = at("2026-11-22 12:20")
COLUMNS = [
    "run_id", "slot", "step", "state", "started_at", "finished_at", "listeners", "rows_in", "rows_new", "reason",
    "error_class", "blocked_until", "details",
]  # fmt: skip


def run(hour: int, step: str, state: str = "succeeded", minutes: float = 1, **told: Any) -> dict[str, Any]:
    """A row of the ledger that was finished so many minutes after its hour of 22 November 2026."""
    slot = at(f"2026-11-22 {hour:02}:00")
    finished_at = slot + timedelta(minutes=minutes)
    usual = dict.fromkeys(COLUMNS)
    row = {"run_id": f"{slot:%Y%m%dT%H%M%SZ}", "slot": slot, "step": step, "state": state, "reason": f"{step} {state}."}
    return {**usual, **row, "started_at": finished_at - timedelta(seconds=30), "finished_at": finished_at, **told}


def whole(hour: int) -> list[dict[str, Any]]:
    """A run in which every step did its work."""
    return [
        run(hour, step, minutes=n, rows_new=7)
        for n, step in enumerate(("ingest", "load", "transform", "top_tracks"), start=1)
    ]


def ledger(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    for name in ("slot", "started_at", "finished_at", "blocked_until"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame.sort_values("slot", ascending=False, ignore_index=True)


def asked(hour: int, **listeners: dict[str, Any]) -> dict[str, Any]:
    empty = {"state": "collected", "fetched": 0, "new": 0, "error_class": None, "reason": None, "consent_ends_at": None}
    told = {slug: {**empty, **about} for slug, about in listeners.items()}
    return run(hour, "ingest", details={"listeners": told})


def states(runs: pd.DataFrame, now: datetime, hours: int) -> list[list[str]]:
    frame = pipeline_grid.grid(runs, now, hours)
    return [frame.loc[frame["slot"] == slot, "state"].tolist() for slot in frame["slot"].unique()]


def test_every_state_of_the_grid_is_told_from_the_ledger_and_the_clock():
    rows = [
        *whole(6),
        run(7, "ingest", "skipped"),
        run(8, "ingest", "failed"),
        # 9 o'clock: nothing at all
        run(10, "ingest", rows_new=3),
        run(10, "load", rows_new=0),
        run(11, "ingest", rows_new=3),
        run(11, "load", "failed", minutes=2),
        run(12, "ingest", rows_new=3),
        run(12, "load", rows_new=3, minutes=3),
        run(12, "transform", minutes=4),
    ]
    assert states(ledger(*rows), NOW, 8) == [
        ["not run"] * 4,
        ["succeeded"] * 4,
        ["skipped", "not run", "not run", "not run"],
        ["failed", "not run", "not run", "not run"],
        ["missing"] * 4,
        ["succeeded", "succeeded", "not run", "not run"],
        ["succeeded", "failed", "not run", "not run"],
        ["succeeded", "succeeded", "succeeded", "running"],
    ]


def test_a_slot_is_waited_for_a_quarter_of_an_hour_and_then_missing():
    runs = ledger(*whole(11))
    assert states(runs, at("2026-11-22 12:15"), 1) == [["waiting"] * 4]
    assert states(runs, at("2026-11-22 12:16"), 1) == [["missing"] * 4]


def test_a_step_that_does_not_end_goes_missing():
    runs = ledger(run(10, "ingest", rows_new=3, minutes=1))
    assert states(runs, at("2026-11-22 10:31"), 1) == [["succeeded", "running", "waiting", "waiting"]]
    assert states(runs, at("2026-11-22 10:32"), 1) == [["succeeded", "missing", "missing", "missing"]]


def test_the_row_finished_last_tells_how_a_step_stands():
    runs = ledger(run(12, "ingest", "failed", minutes=1), run(12, "ingest", minutes=6, rows_new=2))
    cell = pipeline_grid.grid(runs, NOW, 1).iloc[0]
    assert (cell["state"], cell["glyph"], cell["seconds"], cell["rows_new"]) == ("succeeded", "✓", 30.0, 2)


def test_a_run_by_hand_stands_in_its_hour():
    by_hand = {**run(12, "ingest"), "slot": at("2026-11-22 12:07"), "run_id": "20261122T120700Z"}
    assert pipeline_grid.grid(ledger(by_hand), NOW, 1)["state"].tolist()[0] == "succeeded"


def test_every_state_has_a_glyph_of_its_own_so_that_colour_is_never_alone():
    assert set(pipeline_grid.GLYPHS) == set(pipeline_grid.STATES)
    assert all(pipeline_grid.GLYPHS.values())
    assert len(set(pipeline_grid.GLYPHS.values())) == len(pipeline_grid.STATES)


def test_an_empty_ledger_never_ran():
    runs = ledger()
    assert pipeline_health.status(runs, NOW).level == "never"
    assert pipeline_grid.grid(runs, NOW, 2)["state"].unique().tolist() == ["not run"]
    assert pipeline_health.problems(runs, NOW).empty
    assert pipeline_health.plays_per_run(runs).empty
    assert pipeline_health.listeners(runs, NOW).empty
    assert pipeline_health.durations(runs).empty
    assert pipeline_health.success_rate(runs, NOW) == (0, 0)
    assert pipeline_health.blocked_until(runs, NOW) is None
    assert pipeline_health.spark_batch(runs, pd.DataFrame(), NOW) is None


def test_a_pipeline_that_works_says_when_it_last_did():
    told = pipeline_health.status(ledger(*whole(12)), NOW)
    assert (told.level, told.words) == ("ok", "Healthy: the last run finished 16 minutes ago")
    assert told.last_success_at == at("2026-11-22 12:01")


def test_a_pipeline_that_was_silent_for_more_than_two_hours_is_late():
    assert pipeline_health.status(ledger(run(10, "ingest", minutes=1)), NOW).level == "late"
    assert pipeline_health.status(ledger(run(10, "ingest", minutes=21)), NOW).level == "ok"


def test_a_file_that_is_sent_again_does_not_hide_that_the_schedule_stands_still():
    stood_still = [*whole(6), run(6, "load", minutes=350)]
    assert pipeline_health.status(ledger(*stood_still), NOW).level == "late"


def test_a_step_that_failed_since_it_last_worked_is_failing_and_its_first_failure_counts():
    rows = [*whole(8), run(9, "load", "failed"), run(10, "load", "failed"), run(12, "ingest")]
    told = pipeline_health.status(ledger(*rows), NOW)
    assert (told.level, told.words) == ("failing", "Failing for 3 hours: load")
    assert pipeline_health.status(ledger(*rows, run(12, "load", minutes=5)), NOW).level == "ok"


def test_a_listener_who_needs_somebody_is_not_hidden_by_a_good_run():
    runs = ledger(asked(12, ania={}, ben={"state": "failed", "error_class": "NeedsConsent", "reason": "revoked"}))
    assert pipeline_health.status(runs, NOW).level == "attention"


def test_what_went_wrong_is_told_with_the_next_step_and_whether_it_recovered():
    needs = {"state": "failed", "error_class": "NeedsConsent", "reason": "revoked, run authorize"}
    rows = [
        *whole(7),
        run(8, "ingest", "failed", error_class="SpotifyUnavailable", reason="Spotify was not available."),
        asked(9, ania={}, ben=needs),
        asked(10, ania={}, ben=needs),
        # 11 o'clock: nothing
        asked(12, ania={}, ben=needs),
        run(12, "top_tracks", "failed", error_class="BatchFailed", reason="The batch failed."),
    ]
    told = pipeline_health.problems(ledger(*rows), NOW)
    shown = told[["slot", "step", "state", "listener_id", "recovered"]].astype({"listener_id": object})
    assert shown.where(shown.notna(), None).values.tolist() == [
        [pd.Timestamp(at("2026-11-22 12:00")), "top_tracks", "failed", None, False],
        [pd.Timestamp(at("2026-11-22 12:00")), "ingest", "failed", "ben", False],
        [pd.Timestamp(at("2026-11-22 11:00")), "ingest", "missing", None, True],
        [pd.Timestamp(at("2026-11-22 08:00")), "ingest", "failed", None, True],
    ]
    assert told["next_step"].tolist()[1] == "Run: python -m cli authorize ben"
    assert told["next_step"].tolist()[3] == "Nothing: the next run tries again."


def test_a_file_that_was_loaded_without_its_bad_rows_is_told_beside_the_failures():
    reason = "Of 2 plays in the file 2 were new. 1 other row was refused, see x in the quarantine bucket."
    (told,) = pipeline_health.problems(
        ledger(
            *whole(11),
            run(12, "ingest"),
            run(12, "load", minutes=2, error_class="RowsRefused", rows_new=2, reason=reason),
        ),
        NOW,
    ).to_dict("records")
    assert (told["step"], told["state"], told["what"], bool(told["recovered"])) == ("load", "succeeded", reason, False)
    assert told["next_step"] == "Look at the reason beside the file in the quarantine bucket."


def test_a_listener_who_was_read_again_has_recovered():
    failed = {"state": "failed", "error_class": "SpotifyUnavailable", "reason": "no answer"}
    told = pipeline_health.problems(ledger(asked(11, ania=failed), asked(12, ania={"state": "nothing_new"})), NOW)
    assert told["recovered"].tolist() == [True]


def test_a_page_of_fifty_new_plays_is_at_the_limit():
    runs = ledger(asked(11, ania={"fetched": 50, "new": 50}, ben={"fetched": 50, "new": 49}))
    assert pipeline_health.plays_per_run(runs).values.tolist() == [
        [at("2026-11-22 11:00"), "ania", 50, 50, True],
        [at("2026-11-22 11:00"), "ben", 50, 49, False],
    ]


def test_days_of_consent_are_counted_and_the_last_known_end_is_kept():
    ends = {"ania": "2026-11-29T12:20:00Z", "ben": "2026-11-22T12:19:59+00:00", "cleo": "2027-04-01T00:00:00Z"}
    first = asked(11, **{slug: {"consent_ends_at": text} for slug, text in ends.items()}, dora={})
    second = asked(12, ania={"state": "failed", "reason": "no secret"}, ben={}, cleo={}, dora={})
    told = pipeline_health.listeners(ledger(first, second), NOW)
    assert told["listener_id"].tolist() == ["ania", "ben", "cleo", "dora"]
    assert told["level"].tolist() == ["soon", "ended", "ok", "unknown"]
    assert told["days_left"].iloc[:2].tolist() == [7, -1]


def test_a_consent_that_was_taken_back_is_gone_whatever_days_it_had_left():
    told = {"consent_ends_at": "2027-02-26T00:00:00Z"}
    refused = {**told, "state": "failed", "error_class": "NeedsConsent", "reason": "consent was revoked"}
    not_asked = {"state": "failed", "error_class": "NotAsked", "reason": "not asked, Spotify asked for a pause"}

    def level(*ends: dict[str, Any]) -> str:
        rows = [asked(hour, ben=about) for hour, about in enumerate(ends, start=8)]
        return str(pipeline_health.listeners(ledger(*rows), NOW)["level"].item())

    assert level(told, refused) == "gone"
    assert level(told, refused, not_asked, not_asked) == "gone"
    assert level(refused, not_asked, told) == "ok"
    assert level({**refused, "consent_ends_at": "2026-11-20T00:00:00Z"}) == "ended"


def test_what_goes_wrong_run_after_run_is_told_since_the_first_of_them():
    refused = {"state": "failed", "error_class": "NeedsConsent", "reason": "consent was revoked"}
    not_asked = {"state": "failed", "error_class": "NotAsked", "reason": "not asked"}
    rows = [refused, {}, refused, not_asked, refused]
    told = pipeline_health.problems(ledger(*(asked(hour, ben=row) for hour, row in enumerate(rows, start=8))), NOW)
    lasting = told[told["error_class"] == "NeedsConsent"]
    assert lasting[["since", "slot"]].values.tolist() == [
        [pd.Timestamp(at("2026-11-22 10:00")), pd.Timestamp(at("2026-11-22 12:00"))]
    ]
    # A week is shown; what began before it keeps its beginning.
    told = pipeline_health.problems(ledger(*(asked(hour, ben=refused) for hour in (8, 12))), NOW, hours=2)
    assert told["since"].iloc[0] == pd.Timestamp(at("2026-11-22 08:00"))


def test_the_success_rate_counts_expected_hours_since_the_first_run():
    runs = ledger(run(7, "ingest"), run(8, "ingest", "skipped"), run(9, "ingest", "failed"), run(12, "ingest"))
    # Six slots from 7 to 12 were due; 10 and 11 are missing.
    assert pipeline_health.success_rate(runs, NOW) == (3, 6)


def test_durations_are_of_the_steps_that_did_work():
    told = pipeline_health.durations(ledger(*whole(11), run(12, "ingest", "skipped")))
    assert told["step"].tolist() == ["ingest", "load", "transform", "top_tracks"]
    assert told[["median_seconds", "last_seconds", "runs"]].values.tolist() == [[30.0, 30.0, 1.0]] * 4


def test_the_last_batch_says_who_it_was_and_how_old_it_is():
    batch = run(9, "top_tracks", rows_in=1234, minutes=9)
    computed_at = pd.Timestamp(at("2026-11-22 09:05"))
    top = pd.DataFrame([{"run_id": batch["run_id"], "computed_at": computed_at, "as_of": computed_at}])
    assert pipeline_health.spark_batch(ledger(batch), top, NOW) == {
        "run_id": "20261122T090000Z",
        "computed_at": at("2026-11-22 09:05"),
        "as_of": at("2026-11-22 09:05"),
        "age": timedelta(hours=3, minutes=15),
        "plays": 1234,
    }


def test_a_pause_that_spotify_asked_for_is_told_while_it_lasts():
    runs = ledger(run(12, "ingest", "failed", blocked_until=at("2026-11-22 15:00")))
    assert pipeline_health.blocked_until(runs, NOW) == at("2026-11-22 15:00")
    assert pipeline_health.blocked_until(runs, at("2026-11-22 15:00")) is None


def imported(hour: int, *steps: str) -> list[dict[str, Any]]:
    """The run of a file of an import, at one second before the hour's end; no ingest and no hour belongs to it."""
    rows = [run(hour, step, minutes=59 + n, rows_new=25_000) for n, step in enumerate(steps)]
    return [row | {"run_id": f"20261122T{hour:02}5959Z", "slot": row["slot"] + timedelta(seconds=3599)} for row in rows]


def test_an_import_changes_nothing_in_the_grid_of_the_hours():
    hours = [*whole(10), run(11, "ingest", "skipped"), run(12, "ingest", "skipped")]
    steps = imported(11, "import", "load", "transform", "top_tracks")
    assert states(ledger(*hours, *steps), NOW, 3) == states(ledger(*hours), NOW, 3)
    assert states(ledger(*hours, *steps), NOW, 3)[1] == ["skipped", "not run", "not run", "not run"]
    assert pipeline_health.success_rate(ledger(*hours, *steps), NOW) == (3, 3)
    assert pipeline_health.problems(ledger(*hours, *steps), NOW).empty


def test_an_import_does_not_make_a_pipeline_healthy_whose_schedule_stands_still():
    stood_still, steps = whole(6), imported(11, "import", "load", "transform", "top_tracks")
    assert pipeline_health.status(ledger(*stood_still, *steps), NOW).level == "late"
    assert pipeline_health.status(ledger(*steps), NOW).level == "never"


def test_a_file_of_an_import_that_was_refused_is_told_with_what_to_do():
    failed = imported(11, "import", "load")
    failed[1] |= {"state": "failed", "error_class": "FileRefused", "reason": "BigQuery refused the file."}
    (problem,) = pipeline_health.problems(
        ledger(*whole(10), run(11, "ingest"), run(12, "ingest"), *failed), NOW
    ).to_dict("records")
    assert (problem["step"], problem["next_step"][:24]) == ("load", "Look at the file and the")


def dying_load(*hours: int) -> list[dict[str, Any]]:
    """Runs whose plays landed, and of which load left no record."""
    return [run(hour, "ingest", rows_new=3) for hour in hours]


def test_a_load_that_dies_without_a_record_is_no_healthy_pipeline():
    runs = ledger(*whole(8), *dying_load(9, 10, 11, 12))

    told = pipeline_health.status(runs, NOW)
    # 12 o'clock's load has some minutes left.
    assert (told.level, told.words) == ("failing", "Failing for 3 hours: load left no record")
    assert told.last_success_at == at("2026-11-22 08:01")
    assert pipeline_health.success_rate(runs, NOW) == (1, 4)
    (problem,) = pipeline_health.problems(runs, NOW).to_dict("records")
    assert (problem["since"], problem["slot"]) == (at("2026-11-22 09:00"), at("2026-11-22 11:00"))
    assert (problem["step"], problem["state"], problem["recovered"]) == ("load", "missing", False)
    assert problem["what"] == "No record, although the step before it had work for it."
    assert problem["next_step"].startswith("Read the log of the function load")
    words = pipeline_words.in_words(pipeline_grid.grid_hours(runs, NOW, 5), "5 hours")
    assert words == "Every hour of the last 5 hours was collected. After ingest: load **3 missing**."


def test_a_step_that_leaves_records_again_has_recovered():
    runs = ledger(*dying_load(9, 10), *whole(11), *whole(12))
    assert pipeline_health.status(runs, NOW).level == "ok"
    (problem,) = pipeline_health.problems(runs, NOW).to_dict("records")
    assert (problem["since"], problem["slot"]) == (at("2026-11-22 09:00"), at("2026-11-22 10:00"))
    assert problem["recovered"]


def test_every_step_that_dies_is_told_and_what_could_not_follow_is_not():
    rows = [
        run(9, "ingest", rows_new=3), run(9, "load", minutes=2, rows_new=3),
        run(10, "ingest", rows_new=3), run(10, "load", minutes=2, rows_new=3), run(10, "transform", minutes=3),
        run(12, "ingest", "skipped"),
    ]  # fmt: skip
    told = pipeline_health.problems(ledger(*rows), NOW)
    assert told[["slot", "step", "state"]].values.tolist() == [
        [pd.Timestamp(at("2026-11-22 11:00")), "ingest", "missing"],
        [pd.Timestamp(at("2026-11-22 10:00")), "top_tracks", "missing"],
        [pd.Timestamp(at("2026-11-22 09:00")), "transform", "missing"],
    ]
    assert [text.split(",")[0][:31] for text in told["next_step"]] == [
        "Look for the hour in Cloud Sche", "Look for the batch in Dataproc ", "Read the log of the function tr"
    ]  # fmt: skip
    # At 10 transform did its work again; the batch's silence lasts.
    assert told["recovered"].tolist() == [True, False, True]
    assert pipeline_health.status(ledger(*rows), NOW).words == "Failing for 2 hours: the top ten (Spark) left no record"


def test_a_run_without_new_plays_has_nothing_to_load():
    runs = ledger(*whole(11), run(12, "ingest", rows_new=0))
    assert states(runs, at("2026-11-22 12:59"), 1) == [["succeeded", "not run", "not run", "not run"]]


def test_a_silence_that_began_before_the_week_keeps_its_beginning():
    runs = ledger(*whole(8), *dying_load(9, 10, 11, 12))
    (problem,) = pipeline_health.problems(runs, NOW, hours=2).to_dict("records")
    assert (problem["since"], problem["slot"]) == (at("2026-11-22 09:00"), at("2026-11-22 11:00"))


def unasked(hour: int, blocked_until: datetime | None = None) -> dict[str, Any]:
    """As ingest writes it in a pause, and when nobody has consented."""
    return run(hour, "ingest", "skipped", blocked_until=blocked_until, details={"listeners": {}})


def in_words(runs: pd.DataFrame, hours: int, now: datetime = NOW) -> str:
    return pipeline_words.in_words(pipeline_grid.grid_hours(runs, now, hours), f"{hours} hours")


def test_hours_before_the_first_run_were_not_collected():
    runs = ledger(*whole(11), *whole(12))
    assert in_words(runs, 24) == "Every hour since the first run was collected, **2** of the last 24 hours."
    assert in_words(runs, 2) == "Every hour of the last 2 hours was collected."


def test_an_hour_that_is_waited_for_is_not_said_to_be_collected():
    runs = ledger(*whole(10), *whole(11))
    now = at("2026-11-22 12:10")
    assert in_words(runs, 3, now) == (
        "Every hour of the last 3 hours was collected, and the newest hour is waited for."
    )


def test_hours_of_a_pause_are_named_and_neither_good_nor_bad():
    until = at("2026-11-22 15:00")
    runs = ledger(*whole(8), *(unasked(hour, until) for hour in (9, 10, 11, 12)))
    assert in_words(runs, 5) == (
        "Of the last 5 hours, **1 hour** was collected. In **4 hours** nobody was asked: Spotify had asked for a pause."
    )
    assert pipeline_health.success_rate(runs, NOW) == (1, 1)
    told = pipeline_health.status(runs, NOW)
    assert (told.level, told.words) == ("paused", "Paused: Spotify asked not to be called for now")
    assert told.last_success_at == at("2026-11-22 08:01")
    assert pipeline_health.problems(runs, NOW).empty


def test_after_a_pause_the_pipeline_is_healthy_when_somebody_was_asked():
    paused = [*whole(8), *(unasked(hour, at("2026-11-22 12:10")) for hour in (9, 10, 11, 12))]
    told = pipeline_health.status(ledger(*paused), NOW)
    assert (told.level, told.words) == (
        "attention", "Running, but the last run asked nobody: Spotify had asked for a pause"
    )  # fmt: skip
    by_hand = asked(12, ania={}) | {"finished_at": at("2026-11-22 12:15")}
    assert pipeline_health.status(ledger(*paused, by_hand), NOW).level == "ok"


def test_a_pipeline_that_nobody_has_consented_to_collects_nothing():
    runs = ledger(unasked(11), unasked(12))
    assert in_words(runs, 2) == (
        "No hour of the last 2 hours was collected. In **2 hours** nobody was asked: no listener had given consent."
    )
    told = pipeline_health.status(runs, NOW)
    assert (told.level, told.words) == (
        "attention", "Running, but the last run asked nobody: no listener had given consent"
    )  # fmt: skip
    assert told.last_success_at is None
    assert pipeline_health.success_rate(runs, NOW) == (0, 0)


def test_a_run_that_asked_nobody_is_no_recovery():
    until = at("2026-11-22 15:00")
    failed = run(10, "ingest", "failed", error_class="AppSecretUnusable", reason="The secret is empty.")
    # 9 o'clock is missing.
    runs = ledger(*whole(8), failed, unasked(11, until), unasked(12, until))
    told = pipeline_health.problems(runs, NOW)
    assert told["state"].tolist() == ["failed", "missing"]
    assert told["recovered"].tolist() == [False, False]


def test_hours_that_failed_and_hours_of_a_pause_are_both_told():
    until = at("2026-11-22 15:00")
    runs = ledger(*whole(9), run(10, "ingest", "failed"), unasked(11, until), *whole(12))
    assert in_words(runs, 4) == (
        "Of the last 4 hours, **1 failed**. Plays of those hours arrive with the next run that works. "
        "In **1 hour** nobody was asked: Spotify had asked for a pause."
    )


def test_the_steps_after_ingest_have_words_of_their_own():
    rows = [*whole(10), *whole(11), *whole(12)]
    rows[1] |= {"state": "failed"}
    rows[7] |= {"state": "failed"}
    assert in_words(ledger(*rows), 3) == (
        "Every hour of the last 3 hours was collected. "
        "After ingest: load **1 failed** and top ten (Spark) **1 failed**."
    )


def test_an_import_that_failed_is_no_step_of_the_hours():
    failed = imported(11, "import")
    failed[0] |= {"state": "failed"}
    assert pipeline_health.status(ledger(*whole(12), *failed), NOW).level == "ok"
