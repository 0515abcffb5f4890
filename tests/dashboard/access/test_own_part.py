"""What is left of the ledger for a viewer who may see one listener of several: nothing of the others' counts."""

import pandas as pd

from access.own_part import own_part
from tests.dashboard.invented.ledger import NOW, grid, imported, ledger, not_polled, polled, run

MINE = ("ania",)


def seen(runs: pd.DataFrame) -> dict[tuple[int, str], tuple[str, str, int | None]]:
    cells = grid(own_part(runs, MINE), NOW, hours=3).itertuples(index=False)
    return {(c.slot.hour, c.step): (c.state, c.reason, None if pd.isna(c.rows_new) else c.rows_new) for c in cells}


def of_both(hour: int, mine: int, others: int) -> list[dict[str, object]]:
    new = mine + others
    sentence = f"{new} new plays from 2 of 2 listeners"
    first = polled(hour, ania={"fetched": 50, "new": mine}, ben={"fetched": 50, "new": others})
    return [
        first | {"rows_in": 100, "rows_new": new, "reason": sentence},
        run(hour, "load", minutes=2, rows_in=new, rows_new=new, reason=sentence, details={"new": new}),
        run(hour, "transform", minutes=3, rows_in=new, rows_new=new),
        run(hour, "top_tracks", minutes=4, rows_in=9000, rows_new=400, reason="Plays read: 9000."),
    ]


def test_a_run_counts_the_own_plays_and_says_so():
    cells = seen(ledger(*of_both(12, mine=20, others=25)))

    assert cells[12, "ingest"] == ("succeeded", "20 new plays", 20)
    assert cells[12, "load"] == ("succeeded", "", 20)
    assert cells[12, "transform"] == ("succeeded", "", 20)
    assert cells[12, "top_tracks"] == ("succeeded", "", None)


def test_a_run_of_others_plays_only_had_nothing_for_this_viewer():
    cells = seen(ledger(*of_both(12, mine=0, others=25)))

    assert cells[12, "ingest"] == ("skipped", "no new plays", 0)
    for step in ("load", "transform", "top_tracks"):
        assert cells[12, step] == ("not run", "The step before it had nothing for it.", None)


def test_an_hour_looks_the_same_whether_others_listened_or_not():
    for mine in (0, 20):
        few = own_part(ledger(*of_both(12, mine, others=1)), MINE)
        many = own_part(ledger(*of_both(12, mine, others=49)), MINE)
        pd.testing.assert_frame_equal(few, many)


def test_a_failed_step_is_named_without_its_sentence_which_may_quote_anothers_play():
    failed = run(12, "load", "failed", rows_in=45, reason="Could not parse 'Secret Song'", error_class="FileRefused")
    cells = seen(ledger(of_both(12, mine=0, others=45)[0], failed))

    assert cells[12, "load"] == ("failed", "It failed with FileRefused; a viewer whose entry is * sees why", None)


def test_trouble_beside_a_success_is_named_without_its_sentence():
    ingest, load, *_ = of_both(12, mine=20, others=25)
    cells = seen(ledger(ingest, load | {"error_class": "RowsRefused", "reason": "2 of 45 rows were refused"}))

    text = "It succeeded, but with RowsRefused; a viewer whose entry is * sees the next step"
    assert cells[12, "load"][1] == text


def test_a_run_whose_details_cannot_be_read_does_not_say_that_no_listener_was_asked_for():
    others = "no new plays from 1 of 2 listeners; ben1987: consent was revoked"
    for state in ("succeeded", "skipped"):
        cells = seen(ledger(run(12, "ingest", state, rows_new=3, reason=others, details=None)))
        assert cells[12, "ingest"][1:] == ("what it recorded of each listener cannot be read", None)
    for details in ({}, {"listeners": {}}):
        cells = seen(ledger(run(12, "ingest", "skipped", reason=others, details=details)))
        assert cells[12, "ingest"][1] == "no listener that you may see was polled"


def test_why_the_own_listener_could_not_be_read_is_said_and_the_others_why_is_not():
    trouble = {"state": "failed", "error_class": "NeedsConsent", "reason": "consent has ended"}
    mine = polled(11, ania=trouble, ben={"new": 3}) | {"rows_new": 3, "reason": "ania: consent has ended"}
    others = polled(12, ania={"new": 3}, ben=trouble) | {"rows_new": 3, "reason": "ben: consent has ended"}
    cells = seen(ledger(mine, others))

    assert cells[11, "ingest"] == ("skipped", "no new plays; ania: consent has ended", 0)
    assert cells[12, "ingest"] == ("succeeded", "3 new plays", 3)


def test_a_failure_whose_reason_the_ledger_lacks_is_said_all_the_same():
    for part in ({"state": "failed"}, {"state": "failed", "reason": None}):
        cells = seen(ledger(run(12, "ingest", details={"listeners": {"ania": part}})))
        assert cells[12, "ingest"][1] == "no new plays; ania: no reason was recorded"


def test_a_failed_run_says_why_of_the_own_listener_alone():
    why = {slug: f"the secret refresh-token-{slug} has no version" for slug in ("ania", "ben1987")}
    parts = {slug: {"state": "failed", "reason": reason} for slug, reason in why.items()}
    reason = f"no new plays from 0 of 2 listeners; ania: {why['ania']}; ben1987: {why['ben1987']}"
    failed = {"state": "failed", "error_class": "SecretUnusable", "reason": reason}
    both = polled(11, **parts) | failed
    others = polled(12, ben1987=parts["ben1987"]) | failed
    cells = seen(ledger(both, others))

    assert cells[11, "ingest"] == ("failed", f"no new plays; ania: {why['ania']}", 0)
    assert cells[12, "ingest"] == ("failed", "It failed with SecretUnusable; a viewer whose entry is * sees why", 0)


def test_a_run_whose_state_is_unreadable_says_that_alone():
    strange = polled(12, ania={"new": 3}) | {"state": "unreadable", "reason": "ben-2: state odd"}

    assert seen(ledger(strange))[12, "ingest"][1] == "Its record cannot be read; a viewer whose entry is * sees why"


def test_a_run_that_did_not_ask_for_the_own_listener_says_nothing_of_the_others():
    others = polled(11, ben={"new": 30}) | {"rows_new": 30, "reason": "30 new plays from 1 of 1 listeners"}
    paused = not_polled(12, NOW) | {"reason": "Spotify asked for a pause"}
    cells = seen(ledger(others, paused))

    assert cells[11, "ingest"] == ("skipped", "no listener that you may see was polled", 0)
    assert cells[12, "ingest"] == ("skipped", "Spotify asked for a pause", 0)


def test_an_import_and_the_details_of_others_are_left_out():
    part = own_part(ledger(*of_both(12, mine=2, others=3), *imported(11, "import", "load", "top_tracks")), MINE)

    assert set(part["slot"].dt.hour) == {12}
    listeners = [details["listeners"] for details in part["details"] if details]
    assert listeners == [{"ania": {"state": "collected", "fetched": 50, "new": 2, "error_class": None, "reason": None,
                              "consent_ends_at": None}}]  # fmt: skip


def test_a_ledger_without_rows_stays_one():
    empty = ledger(run(12, "ingest")).head(0)
    found = own_part(empty, MINE)
    assert (list(found.columns), len(found)) == (list(empty.columns), 0)
