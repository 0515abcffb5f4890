"""How the pipeline stands: its status, consent, the success rate, durations and the last batch."""

import re
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from access.own_part import own_part
from charts import pipeline as charts
from pipeline import health
from pipeline.schedule import Schedule
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, grid, imported, ledger, not_polled, polled, run, whole
from theme import colours_of


def test_an_empty_ledger_never_ran():
    runs = ledger()
    assert health.status(runs, NOW).level == "never"
    assert grid(runs, NOW, 2)["state"].unique().tolist() == ["not run"]
    assert health.problems(runs, NOW).empty
    assert health.plays_per_run(runs).empty
    assert health.listeners(runs, NOW).empty
    assert health.durations(runs).empty
    assert health.success_rate(runs, NOW) == (0, 0)
    assert health.blocked_until(runs, NOW) is None
    assert health.spark_batch(runs, pd.DataFrame(), NOW) is None


def test_a_pipeline_that_works_says_when_it_last_did():
    found = health.status(ledger(*whole(12)), NOW)
    assert (found.level, found.words) == ("ok", "Healthy: the last run finished 16 min ago")
    assert found.last_success_at == at("2026-11-22 12:01")


def test_a_pipeline_that_was_silent_for_more_than_two_hours_is_late():
    assert health.status(ledger(run(10, "ingest", minutes=1)), NOW).level == "late"
    assert health.status(ledger(run(10, "ingest", minutes=21)), NOW).level == "ok"


def test_a_file_that_is_sent_again_does_not_hide_that_the_schedule_stands_still():
    stood_still = [*whole(6), run(6, "load", minutes=350)]
    assert health.status(ledger(*stood_still), NOW).level == "late"


def test_a_step_that_failed_since_it_last_worked_is_failing_and_its_first_failure_counts():
    rows = [*whole(8), run(9, "load", "failed"), run(10, "load", "failed"), run(12, "ingest")]
    found = health.status(ledger(*rows), NOW)
    assert (found.level, found.words) == ("failing", "Failing for 3 h 19 min: load")
    assert health.status(ledger(*rows, run(12, "load", minutes=5)), NOW).level == "ok"


def test_a_page_of_fifty_new_plays_is_at_the_limit():
    runs = ledger(polled(11, ania={"fetched": 50, "new": 50}, ben={"fetched": 50, "new": 49}))
    assert health.plays_per_run(runs).values.tolist() == [
        [at("2026-11-22 11:00"), "ania", 50, 50, True],
        [at("2026-11-22 11:00"), "ben", 50, 49, False],
    ]


def test_of_two_attempts_at_a_slot_the_newer_says_how_many_plays_were_new():
    failed = polled(11, ania={"state": "failed"}, ben={"fetched": 50, "new": 2}) | {"state": "failed"}
    runs = ledger(polled(11, ania={"fetched": 50, "new": 3}, ben={"fetched": 50, "new": 2}), failed)
    runs.loc[runs["state"] == "failed", "finished_at"] -= timedelta(seconds=20)
    assert health.plays_per_run(runs)[["listener_id", "new"]].values.tolist() == [["ania", 3], ["ben", 2]]


def test_a_run_that_could_not_read_a_listener_found_no_page_of_theirs():
    parts = {name: {"state": state, "fetched": 0} for name, state in (("ania", "failed"), ("ben", "not_asked"))}
    runs = ledger(polled(10, ania={"fetched": 50, "new": 3}), polled(11, cleo={"state": "nothing_new"}, **parts))
    assert health.plays_per_run(runs)[["slot", "listener_id"]].values.tolist() == [
        [at("2026-11-22 10:00"), "ania"],
        [at("2026-11-22 11:00"), "cleo"],
    ]


@pytest.mark.parametrize(
    ("every", "by_hand", "names"),
    [
        # In winter Berlin is an hour ahead: runs of these schedules are at 1, 3, 5 … or 1, 4, 7 … o'clock.
        (2, 0, ["Fri 05:00", "Fri 13:00", "Fri 21:00", "Sat 05:00", "Sat 13:00", "Sat 21:00"]),
        (3, 0, ["Fri 04:00", "Fri 13:00", "Fri 22:00", "Sat 07:00", "Sat 16:00"]),
        (6, 0, ["Fri 07:00", "Fri 19:00", "Sat 07:00", "Sat 19:00"]),
        (24, 0, ["Fri 01:00", "Sat 01:00"]),
        (1, 0, ["Fri 12:00", "Sat 00:00", "Sat 12:00", "Sun 00:00"]),
        (1, 3, ["Sat 00:00", "Sun 00:00"]),
    ],
)
def test_some_hours_are_named_whatever_the_schedule(every: int, by_hand: int, names: list[str]):
    slots = pd.date_range(at("2026-11-20 00:00"), periods=48 // every, freq=f"{every}h")
    slots = slots.append(slots[:by_hand] + pd.Timedelta(minutes=20)).sort_values()
    runs = pd.DataFrame({"slot": slots, "new": 1, "fetched": 50, "at_limit": False})
    bars = charts.plays_per_run(runs, "Europe/Berlin", health.NEWEST_SHOWN, colours_of("light")).to_dict()["layer"][0]
    assert re.findall(r"'(\w{3} \d\d:\d\d)'", bars["encoding"]["x"]["axis"]["labelExpr"]) == names


def test_two_runs_within_an_hour_are_two_bars_and_the_hours_are_named():
    slots = [at("2026-11-29 06:00"), at("2026-11-29 06:20:07"), at("2026-11-29 07:00")]
    runs = pd.DataFrame({"slot": slots, "new": [25, 30, 1], "fetched": 50, "at_limit": False})
    bars = charts.plays_per_run(runs, "UTC", health.NEWEST_SHOWN, colours_of("light")).layer[0]
    assert bars.data["label"].tolist() == ["2026-11-29T06:00:00", "2026-11-29T06:20:07", "2026-11-29T07:00:00"]
    assert "'2026-11-29T06:00:00':'Sun 06:00','2026-11-29T06:20:07':'Sun 06:20'" in str(bars.encoding.x)


def test_days_of_consent_are_counted_and_the_last_known_end_is_kept():
    ends = {"ania": "2026-11-29T12:20:00Z", "ben": "2026-11-22T12:19:59+00:00", "cleo": "2027-04-01T00:00:00Z"}
    first = polled(11, **{slug: {"consent_ends_at": text} for slug, text in ends.items()}, dora={})
    second = polled(12, ania={"state": "failed", "reason": "no secret"}, ben={}, cleo={}, dora={})
    found = health.listeners(ledger(first, second), NOW)
    assert found["listener_id"].tolist() == ["ania", "ben", "cleo", "dora"]
    assert found["level"].tolist() == ["soon", "ended", "ok", "unknown"]
    assert found["days_left"].iloc[:2].tolist() == [7, -1]


def test_a_consent_that_was_taken_back_is_gone_whatever_days_it_had_left():
    collected = {"consent_ends_at": "2027-02-26T00:00:00Z"}
    refused = {**collected, "state": "failed", "error_class": "NeedsConsent", "reason": "consent was revoked"}
    not_asked = {"state": "failed", "error_class": "NotAsked", "reason": "no call was made, Spotify asked for a pause"}

    def level(*ends: dict[str, Any]) -> str:
        rows = [polled(hour, ben=about) for hour, about in enumerate(ends, start=8)]
        return str(health.listeners(ledger(*rows), NOW)["level"].item())

    assert level(collected, refused) == "gone"
    assert level(collected, refused, not_asked, not_asked) == "gone"
    assert level(refused, not_asked, collected) == "ok"
    assert level({**refused, "consent_ends_at": "2026-11-20T00:00:00Z"}) == "ended"


def test_a_listener_whom_the_newest_run_does_not_name_is_no_longer_one():
    """Ben is taken out at 10; the run at 12 polled no listener and names none."""
    gone = {"state": "failed", "error_class": "NeedsConsent", "reason": "revoked, run authorize"}
    rows = [polled(8, ania={}, ben=gone), polled(9, ania={}, ben=gone), polled(10, ania={}), polled(11, ania={})]
    runs = ledger(*rows, not_polled(12))
    assert health.listeners(runs, NOW)["listener_id"].tolist() == ["ania"]
    assert health.status(ledger(*rows), at("2026-11-22 11:20")).level == "ok"
    assert health.listeners(ledger(*rows[:2], not_polled(10)), NOW)["listener_id"].tolist() == ["ania", "ben"]
    assert health.problems(runs, NOW)[["listener_id", "recovered"]].values.tolist() == [["ben", True]]
    assert health.problems(ledger(*rows[:2]), at("2026-11-22 09:20"))["recovered"].tolist() == [False]


def test_neither_is_one_to_a_viewer_of_that_listener_alone():
    """The runs at 10 and 11 polled Ania, whom the viewer may not see; that at 12 polled no listener."""
    gone = {"state": "failed", "error_class": "NeedsConsent", "reason": "revoked, run authorize"}
    rows = [polled(8, ania={}, ben=gone), polled(9, ania={}, ben=gone), polled(10, ania={}), polled(11, ania={})]
    runs, before = (own_part(ledger(*each), ["ben"]) for each in ([*rows, not_polled(12)], rows))
    assert health.listeners(runs, NOW).empty
    assert health.problems(runs, NOW)[["listener_id", "recovered"]].values.tolist() == [["ben", True]]
    assert health.status(before, at("2026-11-22 11:20")).level == "ok"
    assert health.status(runs, NOW).words == (
        "Running, but the last run polled no listener: no listener had given consent"
    )
    still_there = own_part(ledger(*rows[:2], not_polled(10)), ["ben"])
    assert health.listeners(still_there, NOW)["listener_id"].tolist() == ["ben"]


def test_a_run_whose_details_cannot_be_read_is_not_said_to_have_polled_no_listener():
    unread = ledger(run(12, "ingest", "skipped"))
    assert [health.status(runs, NOW).level for runs in (unread, own_part(unread, ["ben"]))] == ["ok", "ok"]


def test_a_pipeline_that_could_not_read_all_listeners_says_how_many():
    failed = {"state": "failed", "error_class": "SpotifyUnavailable"}
    one = health.status(ledger(polled(12, ania=failed, ben={}, cleo={})), NOW)
    assert (one.level, one.words) == ("attention", "Running, but the plays of 1 listener could not be read")
    two = health.status(ledger(polled(12, ania=failed, ben={}, cleo=failed)), NOW)
    assert (two.level, two.words) == ("attention", "Running, but the plays of 2 listeners could not be read")


def test_the_success_rate_counts_expected_hours_since_the_first_run():
    runs = ledger(run(7, "ingest"), run(8, "ingest", "skipped"), run(9, "ingest", "failed"), run(12, "ingest"))
    # Six slots from 7 to 12 were due; 10 and 11 are missing.
    assert health.success_rate(runs, NOW) == (3, 6)


def test_durations_are_of_the_steps_that_did_work():
    found = health.durations(ledger(*whole(11), run(12, "ingest", "skipped")))
    assert found["step"].tolist() == ["ingest", "load", "transform", "top_tracks"]
    assert found[["median_seconds", "last_seconds", "runs"]].values.tolist() == [[30.0, 30.0, 1.0]] * 4


def test_the_last_batch_says_who_it_was_and_how_old_it_is():
    batch = run(9, "top_tracks", rows_in=1234, minutes=9)
    top = pd.DataFrame([{"run_id": batch["run_id"], "computed_at": pd.Timestamp(at("2026-11-22 09:05"))}])
    assert health.spark_batch(ledger(batch), top, NOW) == {
        "run_id": "20261122T090000Z",
        "age": timedelta(hours=3, minutes=15),
        "plays": 1234,
    }


def test_a_pause_that_spotify_asked_for_is_shown_while_it_lasts():
    runs = ledger(run(12, "ingest", "failed", blocked_until=at("2026-11-22 15:00")))
    assert health.blocked_until(runs, NOW) == at("2026-11-22 15:00")
    assert health.blocked_until(runs, at("2026-11-22 15:00")) is None


def test_an_import_does_not_make_a_pipeline_healthy_whose_schedule_stands_still():
    stood_still, steps = whole(6), imported(11, "import", "load", "transform", "top_tracks")
    assert health.status(ledger(*stood_still, *steps), NOW).level == "late"
    assert health.status(ledger(*steps), NOW).level == "never"


def test_after_a_pause_the_pipeline_is_healthy_when_a_listener_was_polled():
    paused = [*whole(8), *(not_polled(hour, at("2026-11-22 12:10")) for hour in (9, 10, 11, 12))]
    found = health.status(ledger(*paused), NOW)
    assert (found.level, found.words) == (
        "attention", "Running, but the last run polled no listener: Spotify had asked for a pause"
    )  # fmt: skip
    by_hand = polled(12, ania={}) | {"finished_at": at("2026-11-22 12:15")}
    assert health.status(ledger(*paused, by_hand), NOW).level == "ok"


def test_an_import_that_failed_is_no_step_of_the_hours():
    failed = imported(11, "import")
    failed[0] |= {"state": "failed"}
    assert health.status(ledger(*whole(12), *failed), NOW).level == "ok"


GONE, UNAVAILABLE = ({"state": "failed", "error_class": name} for name in ("NeedsConsent", "SpotifyUnavailable"))


@pytest.mark.parametrize(
    ("runs", "newest", "since"),
    [
        ([polled(11, ania={}), polled(12, ania=GONE)], None, None),
        ([polled(8, ania={}), polled(12, ania=GONE), polled(12, ania={})], None, None),
        (
            [polled(8, ania={}), polled(9, ania={}), polled(10, ania=GONE), polled(11, ania=GONE, ben={})],
            None,
            "22 09:00",
        ),
        ([polled(9, ania={}), polled(12, ania=UNAVAILABLE)], "20 10:00", "22 09:00"),
        ([polled(9, ania={})], None, "22 09:00"),
        ([polled(9, ania={}), not_polled(12, at("2026-11-22 15:00"))], None, "22 09:00"),
        # An import of plays after the last run that polled her; runs that did, before the copy of the ledger begins.
        ([polled(8, ania={}), polled(12, ania=GONE)], "22 10:00", "22 10:00"),
        ([polled(9, ania=GONE), polled(12, ania=GONE)], "01 10:00", "01 10:00"),
        ([polled(12, ania=GONE)], None, None),
    ],
)
def test_plays_are_not_collected_since_the_last_run_that_polled_the_listener_or_a_newer_play(
    runs: list[dict[str, Any]], newest: str | None, since: str | None
):
    newest_at = at(f"2026-11-{newest}") if newest else None
    expected = at(f"2026-11-{since}") if since else None
    assert health.not_collected_since(ledger(*runs), "ania", newest_at, NOW) == expected


def test_one_failed_hour_is_no_stop_while_the_next_run_is_under_way():
    runs = ledger(polled(10, ania={}), polled(11, ania=UNAVAILABLE))
    assert health.not_collected_since(runs, "ania", None, at("2026-11-22 12:14")) is None
    assert health.not_collected_since(runs, "ania", None, at("2026-11-22 12:16")) == at("2026-11-22 10:00")


def test_plays_of_a_schedule_of_six_hours_are_collected_until_its_next_run_is_late():
    runs, schedule = ledger(polled(6, ania={})), Schedule(interval_hours=6)
    assert health.not_collected_since(runs, "ania", None, NOW, schedule) is None
    assert health.not_collected_since(runs, "ania", None, NOW + timedelta(hours=1), schedule) == at("2026-11-22 06:00")


def test_a_last_run_of_weeks_ago_is_late_and_says_when_it_was():
    last = [row | {name: row[name] - timedelta(days=20) for name in ("slot", "finished_at")} for row in whole(10)]
    found = health.status(ledger(*last, *imported(11, "import", "load")), NOW)
    assert (found.level, found.words) == ("late", "Late: the last run finished 20 days ago")
    assert found.last_success_at == at("2026-11-02 10:01")
