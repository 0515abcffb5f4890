"""`import --undo` and gaps: whatever goes, and in which order, no play is missing without an open gap."""

from datetime import timedelta

import pytest

from tests.cli.harness import ONE
from tests.cli.import_history.harness import SINCE, UNTIL, write_export
from tests.cli.import_history.test_undo import everything, gaps, import_id_of

pytestmark = pytest.mark.usefixtures("listener")

APART = timedelta(seconds=90)
"""So far from the ends of an export a gap stays open."""


@pytest.fixture
def two_imports(importing, tmp_path):
    """The first one's plays lie before a gap, which the second keeps closed."""
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    files = write_export(tmp_path / "a.json", truth[10:30]), write_export(tmp_path / "b.json", truth)
    first = import_id_of(importing.types("import", ONE, "--anyway", files[0]))
    before = importing.plays()[-1]["played_at"]
    importing.add_gap(before, truth[50].played_at)
    importing.tell_page(truth[50:], UNTIL + timedelta(hours=1))
    second = import_id_of(importing.types("import", ONE, files[1]))
    assert (gaps(importing), len(importing.plays())) == ([], 60)
    return truth, (first, second), files[0]


def closed_gaps(importing):
    return [(row["gap_start"], row["gap_end"]) for row in everything(importing)[2]]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_plays_before_a_gap_that_another_import_keeps_closed_are_missing_once_theirs_is_undone(
    importing, two_imports, order
):
    truth, imports, _ = two_imports
    before = importing.plays()[29]["played_at"]
    ends = truth[9].played_at, truth[50].played_at
    between = {0: ([(ends[0], before)], [(before, ends[1])], 40), 1: ([(before, ends[1])], [], 40)}

    undone = importing.types("import", "--undo", imports[order[0]], "--json").json
    assert (gaps(importing), closed_gaps(importing), len(importing.plays())) == between[order[0]]
    assert (undone["gaps_open_again"], undone["gaps_opened"]) == ((0, 1), (1, 0))[order[0]]
    assert importing.types("import", "--undo", imports[order[1]]).code == 0
    assert (gaps(importing), closed_gaps(importing), len(importing.plays())) == ([ends], [], 20)


def test_what_is_imported_again_between_two_undos_is_in_no_gap_of_the_other(importing, two_imports):
    truth, (first, second), path = two_imports
    plays = importing.plays()
    before = plays[29]["played_at"]
    assert "\nWould open before another gap: 1 gap.\n" in importing.types("import", "--undo", first, "--dry-run").out
    assert "\nOpened before another gap: 1 gap.\n" in importing.types("import", "--undo", first).out
    again = import_id_of(importing.types("import", ONE, "--anyway", path))
    assert [row["played_at"] for row in importing.plays()] == [row["played_at"] for row in plays]
    assert importing.types("import", "--undo", second).code == 0
    # What the second had said of the ends of the first one's file is not known now.
    ends = (truth[9].played_at, plays[10]["played_at"] + APART), (before - APART, truth[50].played_at)
    assert (tuple(gaps(importing)), len(importing.plays())) == (ends, 40)
    assert importing.types("import", "--undo", again).code == 0
    assert (gaps(importing), closed_gaps(importing)) == ([(truth[9].played_at, truth[50].played_at)], [])


def test_a_gap_that_the_import_itself_had_made_and_closed_is_gone_and_not_open_again(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[50:], UNTIL)
    import_id = import_id_of(importing.types("import", ONE, write_export(tmp_path / "a.json", truth)))
    assert len(closed_gaps(importing)) == 1
    assert "pened again" not in importing.types("import", "--undo", import_id).out
    assert (gaps(importing), closed_gaps(importing)) == ([], [])


def test_parts_that_are_one_gap_again_are_counted_as_one(importing, two_imports):
    """Of the first import's stretch the second closes what lies before and what lies behind."""
    truth, (_, second), _ = two_imports
    importing.rows("DELETE FROM listening.closed_gaps WHERE TRUE")
    middle = importing.plays()[40]["played_at"]
    for start, end in ((truth[29].played_at, middle), (middle, truth[50].played_at)):
        importing.add_gap(start, end, "closed_gaps", f", '{second}'")
    output = importing.types("import", "--undo", second, "--dry-run").out
    assert "\nWould open again: 1 closed gap.\n" in output


def test_a_gap_that_begins_with_a_play_still_on_its_way_stays_although_the_one_that_ends_with_it_goes(
    importing, tmp_path
):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    first = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth[:10])))
    ends = importing.plays()[-1]["played_at"], truth[20].played_at, truth[30].played_at
    importing.add_gap(ends[0], ends[1], run_id="of a page of one play")
    importing.add_gap(ends[1], ends[2], run_id="of the next page")
    assert importing.types("import", "--undo", first).code == 0
    assert gaps(importing) == [ends[1:]]
