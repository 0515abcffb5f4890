"""Two MERGEs at once: both insert a play that neither sees. It is noticed, said, and no later file stumbles over it."""

import pytest

import bigquery_jobs
from localcloud.faults import Fault
from tests.event_function import entries
from tests.load.harness import NAME, RUN, csv_of, ledger_row, play
from tests.load.test_same_play import NOT_RELISTED, RELISTED, knows_isrc, of_listeners, slug
from tests.load.test_same_play import OTHER as OTHER_ID

OTHER_RUN, OTHER = "20261122T101500Z", "plays/2026/11/22/20261122T101500Z.csv"
DOUBLED = {
    "severity": "ERROR",
    "message": "Plays are stored twice",
    "run_id": RUN,
    "plays": 1,
    "command": "python -m cli repair",
}


@pytest.fixture
def overlapping(loading, monkeypatch):
    """The MERGE of the first file goes on while that of the second begins and ends."""
    monkeypatch.setattr(bigquery_jobs, "JOB_SECONDS", 0.05)
    loading.cloud.faults.order(Fault("bigquery job query merge", "overlap"))

    def load_both(first, second):
        loading.land(csv_of(*first))
        loading.land(csv_of(*second), OTHER)
        assert loading.deliver() == [500, 200]

    return load_both


def other(*arguments, **values):
    return play(*arguments, run_id=OTHER_RUN, **values)


def test_a_play_that_two_merges_insert_at_once_is_an_error_in_the_log_and_in_the_ledger(loading, overlapping, capsys):
    overlapping([play(1), play(2)], [other(2), other(3)])
    assert [row["run_id"] for row in loading.plays()] == [RUN, RUN, OTHER_RUN, OTHER_RUN]
    assert loading.plays()[1]["played_at"] == loading.plays()[2]["played_at"]
    entries(capsys)

    assert loading.deliver() == [200]

    assert [entry for entry in entries(capsys) if entry["severity"] == "ERROR"] == [DOUBLED]
    (row,) = [row for row in loading.ledger() if row["run_id"] == RUN]
    sentence = (
        "1 play is stored twice: two loads ran at once, or an earlier version did it. Run `python -m cli repair`."
    )
    expected = ledger_row("succeeded", f"Of 2 plays in the file 2 were new. {sentence}", 2, 2, 1, "PlaysDoubled")
    expected["details"]["doubled"] = 1
    assert row == expected


def test_a_play_of_the_api_and_of_an_export_that_do_not_see_each_other_is_noticed_too(loading, overlapping, capsys):
    overlapping([play(1)], [other(1.02, source="export", ms_played=200_000)])
    entries(capsys)
    assert loading.deliver() == [200]
    assert DOUBLED in entries(capsys)


@pytest.mark.parametrize(
    ("ms_played", "changes"),
    [
        pytest.param(200_000, {"track": "4uLU6hMCjMI75M1A2tKUQC"}, id="another id of the track"),
        pytest.param(200_000, {"minute": 1 + 1 / 60}, id="a beginning that was rounded up"),
        pytest.param(1_646, {"minute": 1 + 1 / 60}, id="a skip's beginning that was rounded up"),
    ],
)
def test_a_play_of_two_exports_that_do_not_see_each_other_is_noticed_too(
    loading, overlapping, capsys, ms_played, changes
):
    over_at = play(300)["played_at"]
    values = {
        "source": "export",
        "ms_played": ms_played,
        "reported_at": over_at,
        "track_name": "One",
        "artist_name": "Ada",
    }
    loading.begin_imports("a", "b")
    overlapping([play(1, **values, import_id="a")], [other(**{"minute": 1} | changes, **values, import_id="b")])
    entries(capsys)
    assert loading.deliver() == [200]
    assert DOUBLED in entries(capsys)


def test_a_play_that_the_api_shows_under_two_ids_in_files_that_do_not_see_each_other_is_noticed_too(
    loading, overlapping, capsys
):
    knows_isrc(loading, slug("the ISRC that tracks knows"), OTHER_ID, "GBAAA2100001")
    overlapping(of_listeners(RELISTED, 0), [{**row, "run_id": OTHER_RUN} for row in of_listeners(RELISTED, 1)])
    entries(capsys)
    assert loading.deliver() == [200]
    assert DOUBLED | {"plays": 5} in entries(capsys)


def test_what_the_api_shows_of_one_instant_in_files_that_do_not_see_each_other_can_be_two_plays(
    loading, overlapping, capsys
):
    overlapping(of_listeners(NOT_RELISTED, 0), of_listeners(NOT_RELISTED, 1))
    assert loading.deliver() == [200]
    assert "ERROR" not in {entry["severity"] for entry in entries(capsys)}


def test_merges_at_once_over_different_plays_are_no_error(loading, overlapping, capsys):
    overlapping([play(1), play(2)], [other(4), other(5)])
    assert loading.deliver() == [200]
    assert {entry["severity"] for entry in entries(capsys) if entry["message"] == "A file was loaded"} == {"INFO"}
    assert len(loading.plays()) == 4
    assert {row["error_class"] for row in loading.ledger()} == {None}


def test_a_merge_that_changes_a_row_beside_another_sees_what_that_one_inserted(loading, overlapping):
    """BigQuery lets only those overlap that insert and nothing else."""
    loading.cloud.faults.clear()
    loading.land(csv_of(play(1, source="export", ms_played=200_000)), "plays/2026/11/22/20261122T090000Z.csv")
    loading.deliver()
    loading.cloud.faults.order(Fault("bigquery job query merge", "overlap"))
    overlapping([play(1.01), play(2)], [other(2)])
    assert loading.deliver() == [200]
    assert [row["source"] for row in loading.plays()] == ["api", "api"]


def test_a_doubled_play_that_an_export_completes_is_completed_in_both_rows(loading, overlapping):
    overlapping([play(1)], [other(1)])
    loading.deliver()
    loading.land(csv_of(play(1.01, source="export", ms_played=200_000)), "plays/2026/11/22/20261122T110000Z.csv")
    assert loading.deliver() == [200]
    assert [row["ms_played"] for row in loading.plays()] == [200_000, 200_000]


def test_a_file_that_was_loaded_beside_another_and_grows_says_so_in_both_rows(loading, overlapping):
    overlapping([play(1)], [other(1)])
    loading.deliver()
    loading.land(csv_of(play(1), play(7)), NAME)
    assert loading.deliver() == [200]
    rows = [row for row in loading.ledger() if row["run_id"] == RUN]
    found = [(row["error_class"], row["rows_new"], row["details"]["doubled"]) for row in rows]
    assert found == [("PlaysDoubled", 1, 1)] * 2
