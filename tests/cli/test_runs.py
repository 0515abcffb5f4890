from datetime import UTC, datetime, timedelta

from cli.console import table_lines
from tests.seed import seed


def write_steps(owner, *steps, seconds_taken=0, details='{"listeners": {}}'):
    """Put rows into the ledger: (run id, step, state, seconds from the slot to its start, new rows, reason)."""
    rows = []
    for run_id, step, state, seconds, rows_new, reason in steps:
        slot = datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        started = slot + timedelta(seconds=seconds)
        row = {"run_id": run_id, "slot": slot, "step": step, "state": state, "rows_new": rows_new, "reason": reason}
        instants = {"started_at": started, "finished_at": started + timedelta(seconds=seconds_taken)}
        rows.append(row | instants | {"details": details})
    seed(owner.cloud, "runs", rows)


def test_the_ledger_is_shown_the_newest_first(owner, capsys):
    write_steps(
        owner,
        ("20261122T100000Z", "ingest", "succeeded", 3, 12, "12 new plays from 1 of 1 listeners"),
        ("20261122T100000Z", "load", "failed", 65, None, "BigQuery refused the file: no such column"),
        ("20261122T090000Z", "ingest", "skipped", 2, 0, "no new plays from 1 of 1 listeners"),
    )
    output = owner.types(capsys, "runs")
    assert output.code == 0
    assert output.out == (
        "started (UTC)     run               step    state      new  what happened\n"
        "2026-11-22 10:01  20261122T100000Z  load    failed     -    BigQuery refused the file: no such column\n"
        "2026-11-22 10:00  20261122T100000Z  ingest  succeeded  12   12 new plays from 1 of 1 listeners\n"
        "2026-11-22 09:00  20261122T090000Z  ingest  skipped    0    no new plays from 1 of 1 listeners\n"
    )


def test_a_step_stands_after_the_one_that_set_it_off_although_it_was_quicker(owner, capsys):
    """Load publishes its message before it writes its own row."""
    write_steps(owner, ("20261122T100000Z", "load", "succeeded", 5, 12, "12 were new"), seconds_taken=9)
    write_steps(owner, ("20261122T100000Z", "transform", "succeeded", 12, 12, "submitted"), seconds_taken=1)
    assert [row["step"] for row in owner.types(capsys, "runs", "--json").json] == ["transform", "load"]


def test_as_json_a_step_is_the_whole_row(owner, capsys):
    write_steps(
        owner,
        ("20261122T090000Z", "ingest", "skipped", 2, 0, "no new plays"),
        ("20261122T100000Z", "ingest", "succeeded", 3, 12, "12 new plays"),
    )
    output = owner.types(capsys, "runs", "--json", "--limit", "1", laptop=False)
    assert output.json == [
        {
            "run_id": "20261122T100000Z",
            "slot": "2026-11-22T10:00:00.000Z",
            "step": "ingest",
            "state": "succeeded",
            "started_at": "2026-11-22T10:00:03.000Z",
            "finished_at": "2026-11-22T10:00:03.000Z",
            "listeners": None,
            "rows_in": None,
            "rows_new": 12,
            "reason": "12 new plays",
            "error_class": None,
            "blocked_until": None,
            "details": {"listeners": {}},
        }
    ]


def test_an_empty_ledger_says_what_to_do(owner, capsys):
    output = owner.types(capsys, "runs")
    assert (output.code, output.out) == (
        0,
        f"No run yet. To fire the schedule now, run `python -m cli run-now --laptop {owner.directory}`.\n",
    )
    assert owner.types(capsys, "runs", "--json").json == []


def test_a_limit_must_be_a_positive_number(owner, capsys):
    assert owner.types(capsys, "runs", "--limit", "0").code == 2
    assert owner.types(capsys, "runs", "--limit", "many").code == 2


def test_a_table_keeps_long_reasons_in_their_column():
    rows = [("ingest", "one two three four five six seven eight nine ten"), ("top_tracks", "")]
    assert table_lines(("step", "what happened"), rows, width=42) == [
        "step        what happened",
        "ingest      one two three four five six",
        "            seven eight nine ten",
        "top_tracks",
    ]
