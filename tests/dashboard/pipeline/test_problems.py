"""What went wrong, since when, whether it recovered and what to do; steps that left no record."""

from typing import Any

import pandas as pd

from pipeline import health, run_hours
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, imported, ledger, not_polled, polled, run, whole


def test_what_went_wrong_is_listed_with_the_next_step_and_whether_it_recovered():
    needs = {"state": "failed", "error_class": "NeedsConsent", "reason": "revoked, run authorize"}
    rows = [
        *whole(7),
        run(8, "ingest", "failed", error_class="SpotifyUnavailable", reason="Spotify was not available."),
        polled(9, ania={}, ben=needs),
        polled(10, ania={}, ben=needs),
        # 11 o'clock: nothing
        polled(12, ania={}, ben=needs),
        run(12, "top_tracks", "failed", error_class="BatchFailed", reason="The batch failed."),
    ]
    found = health.problems(ledger(*rows), NOW)
    shown = found[["slot", "step", "state", "listener_id", "recovered"]].astype({"listener_id": object})
    assert shown.where(shown.notna(), None).values.tolist() == [
        [pd.Timestamp(at("2026-11-22 12:00")), "top_tracks", "failed", None, False],
        [pd.Timestamp(at("2026-11-22 12:00")), "ingest", "failed", "ben", False],
        [pd.Timestamp(at("2026-11-22 11:00")), "ingest", "missing", None, True],
        [pd.Timestamp(at("2026-11-22 08:00")), "ingest", "failed", None, True],
    ]
    assert found["next_step"].tolist() == [
        "Read the batch's driver output. The next new plays start another batch; after two failures only once the "
        "interval is over.",
        "",
        "Look for the hour in Cloud Scheduler and in the log of the function ingest.",
        "",
    ]


def test_a_file_that_was_loaded_without_its_bad_rows_is_listed_beside_the_failures():
    reason = "Of 2 plays in the file 2 were new. 1 other row was refused, see x in the quarantine bucket."
    (found,) = health.problems(
        ledger(
            *whole(11),
            run(12, "ingest"),
            run(12, "load", minutes=2, error_class="RowsRefused", rows_new=2, reason=reason),
        ),
        NOW,
    ).to_dict("records")
    assert (found["step"], found["state"], found["what"], bool(found["recovered"])) == (
        "load",
        "succeeded",
        reason,
        False,
    )
    assert found["next_step"] == "", "the reason names the place"


def test_a_listener_who_was_read_again_has_recovered():
    failed = {"state": "failed", "error_class": "SpotifyUnavailable", "reason": "no answer"}
    found = health.problems(ledger(polled(11, ania=failed), polled(12, ania={"state": "nothing_new"})), NOW)
    assert found["recovered"].tolist() == [True]


def test_what_goes_wrong_run_after_run_is_listed_since_the_first_of_them():
    refused = {"state": "failed", "error_class": "NeedsConsent", "reason": "consent was revoked"}
    not_asked = {"state": "failed", "error_class": "NotAsked", "reason": "not asked"}
    rows = [refused, {}, refused, not_asked, refused]
    found = health.problems(ledger(*(polled(hour, ben=row) for hour, row in enumerate(rows, start=8))), NOW)
    lasting = found[found["error_class"] == "NeedsConsent"]
    assert lasting[["since", "slot"]].values.tolist() == [
        [pd.Timestamp(at("2026-11-22 10:00")), pd.Timestamp(at("2026-11-22 12:00"))]
    ]
    # A week is shown; what began before it keeps its beginning.
    found = health.problems(ledger(*(polled(hour, ben=refused) for hour in (8, 12))), at("2026-11-29 10:00"))
    assert found.loc[found["listener_id"] == "ben", "since"].tolist() == [pd.Timestamp(at("2026-11-22 08:00"))]
    found = health.problems(ledger(*(polled(hour, ben=refused) for hour in (8, 12))), at("2026-11-29 12:00"))
    assert "ben" not in found["listener_id"].tolist()


def test_a_file_of_an_import_that_was_refused_is_listed_with_what_to_do():
    failed = imported(11, "import", "load")
    failed[1] |= {"state": "failed", "error_class": "FileRefused", "reason": "BigQuery refused the file."}
    (problem,) = health.problems(ledger(*whole(10), run(11, "ingest"), run(12, "ingest"), *failed), NOW).to_dict(
        "records"
    )
    assert (problem["step"], problem["next_step"][:24]) == ("load", "Look at the file and the")


def dying_load(*hours: int) -> list[dict[str, Any]]:
    """Runs whose plays landed, and of which load left no record."""
    return [run(hour, "ingest", rows_new=3) for hour in hours]


def test_a_load_that_dies_without_a_record_is_no_healthy_pipeline():
    runs = ledger(*whole(8), *dying_load(9, 10, 11, 12))

    status = health.status(runs, NOW)
    # 12 o'clock's load has some minutes left.
    assert (status.level, status.words) == ("failing", "Failing for 3 h 20 min: load left no record")
    assert status.last_success_at == at("2026-11-22 08:01")
    assert health.success_rate(runs, NOW) == (1, 4)
    (problem,) = health.problems(runs, NOW).to_dict("records")
    assert (problem["since"], problem["slot"]) == (at("2026-11-22 09:00"), at("2026-11-22 11:00"))
    assert (problem["step"], problem["state"], problem["recovered"]) == ("load", "missing", False)
    assert problem["what"] == "No record, although the step before it had work for it."
    assert problem["next_step"].startswith("Read the log of the function load")
    words = run_hours.summarise(run_hours.grid_hours(runs, NOW, 5), "5 hours")
    assert words == "Every hour of the last 5 hours was collected. After ingest: load **3 missing**."


def test_a_step_that_leaves_records_again_has_recovered():
    runs = ledger(*dying_load(9, 10), *whole(11), *whole(12))
    assert health.status(runs, NOW).level == "ok"
    (problem,) = health.problems(runs, NOW).to_dict("records")
    assert (problem["since"], problem["slot"]) == (at("2026-11-22 09:00"), at("2026-11-22 10:00"))
    assert problem["recovered"]


def test_every_step_that_dies_is_listed_and_what_could_not_follow_is_not():
    rows = [
        run(9, "ingest", rows_new=3), run(9, "load", minutes=2, rows_new=3),
        run(10, "ingest", rows_new=3), run(10, "load", minutes=2, rows_new=3), run(10, "transform", minutes=3),
        run(12, "ingest", "skipped"),
    ]  # fmt: skip
    found = health.problems(ledger(*rows), NOW)
    assert found[["slot", "step", "state"]].values.tolist() == [
        [pd.Timestamp(at("2026-11-22 11:00")), "ingest", "missing"],
        [pd.Timestamp(at("2026-11-22 10:00")), "top_tracks", "missing"],
        [pd.Timestamp(at("2026-11-22 09:00")), "transform", "missing"],
    ]
    assert [text.split(",")[0][:31] for text in found["next_step"]] == [
        "Look for the hour in Cloud Sche", "Look for the batch in Dataproc ", "Read the log of the function tr"
    ]  # fmt: skip
    # At 10 transform did its work again; the batch's row is still missing.
    assert found["recovered"].tolist() == [True, False, True]
    assert health.status(ledger(*rows), NOW).words == "Failing for 2 h 20 min: the top ten (Spark) left no record"


def test_missing_runs_that_began_before_the_week_keep_their_beginning():
    runs = ledger(*whole(8), *dying_load(9, 10, 11, 12))
    found = health.problems(runs, at("2026-11-29 10:00"))
    of_load = found.loc[found["step"] == "load", ["since", "slot"]]
    assert of_load.values.tolist() == [[at("2026-11-22 09:00"), at("2026-11-22 12:00")]]


def test_a_run_that_polled_no_listener_is_not_a_recovery():
    until = at("2026-11-22 15:00")
    failed = run(10, "ingest", "failed", error_class="AppSecretUnusable", reason="The secret is empty.")
    # 9 o'clock is missing.
    runs = ledger(*whole(8), failed, not_polled(11, until), not_polled(12, until))
    found = health.problems(runs, NOW)
    assert found["state"].tolist() == ["failed", "missing"]
    assert found["recovered"].tolist() == [False, False]
