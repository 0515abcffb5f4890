"""Pages, imports and undos in any order: what the API has passed over is stored, or lies in an open gap, and so does
whatever an undo has deleted.

With ingest's and the commands' own functions and statements; load is a MERGE of the test's own, as plays are one each.
"""

from datetime import timedelta
from itertools import count

import pytest
from google.cloud import bigquery
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.commands.import_history import gaps as import_gaps
from cli.commands.import_history import records
from cli.commands.import_history.reading.coverage import closings
from cli.commands.import_history.reading.every_row import FilePlays
from cli.commands.import_history.reading.plays import to_ms
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.place import on_laptop
from cli.warehouse import Warehouse, instants, string
from gaps import fetch_known, write_gaps
from ingest_cloud import Settings, connect
from slots import Run
from tests.cli.harness import owning
from tests.cli.import_history.harness import SINCE, UNTIL

APART, TRACK = timedelta(minutes=4), "track"
PAGE = 3
"""Plays on a page."""
_STORE = """
MERGE listening.plays
USING (SELECT played_at FROM UNNEST(@instants) AS played_at) AS page
ON plays.listener_id = @listener_id AND plays.played_at = page.played_at
WHEN MATCHED AND @import_id IS NULL THEN
  UPDATE SET source = 'api', import_id = NULL
WHEN NOT MATCHED THEN
  INSERT (listener_id, played_at, track_id, source, import_id, run_id, ingested_at)
  VALUES (@listener_id, page.played_at, 'track', @source, @import_id, 'r', @listener_since)
"""


def at(number):
    return SINCE + number * APART


def joined(stretches):
    """Those that touch each other are one."""
    found = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


class Life:
    """A listener of whom plays number 0, 1, 2 … are listened to, one every four minutes, up to `now`."""

    def __init__(self, owner, number):
        self.listener, self.now = f"listener-{number}", 6
        # Run ids and the ids of imports are instants: each its own.
        self._slots = (UNTIL + timedelta(hours=hour) for hour in count())
        self._seconds = (SINCE + timedelta(minutes=number, seconds=second) for second in count(1))
        self.place = on_laptop(owner.directory)
        self.warehouse, self.cloud = Warehouse(self.place), connect(Settings.from_env(owner.environ))
        self.imports, self.owed = {}, set()
        self.expected_gaps, self._listed = [], set()

    def page(self, later):
        """Spotify lists the newest plays, and ingest stores them."""
        self.now += later
        page = range(max(0, self.now - PAGE), self.now)
        rows = [{"listener_id": self.listener, "played_at": at(n), "track_id": TRACK, "isrc": None} for n in page]
        slot = next(self._slots)
        known = fetch_known(self.cloud.bigquery, rows)
        write_gaps(self.cloud, Run(slot, slot), known.unreached, known.imported)
        self._store(page, None)
        if self._listed and not self._listed & set(page):
            self.expected_gaps.append((at(max(self._listed)), at(page[0])))
        self._listed |= set(page)

    def import_plays(self, later, before, length):
        """An export of so many plays, of which the first was the newest but so many."""
        self.now += later
        first = max(0, self.now - before)
        plays = range(first, min(first + length, self.now))
        exported = [ExportedPlay(at(n), TRACK, None, None, None, 200_000) for n in plays]
        file = FilePlays("f", "here")
        for play in exported:
            file.add(to_ms(play.played_at), play)
        gaps, stored = import_gaps.fetch(self.warehouse, self.listener), sorted(self.plays())
        stored = [(to_ms(at(n)), hash(TRACK)) for n in stored]
        started = records.begin(self.warehouse, self.listener, next(self._seconds), [], len(plays), None)
        page, gap = import_gaps.before_the_first_page(self.place, self.warehouse, self.listener, exported)
        opened = import_gaps.open_before_the_plays(self.warehouse, started, gap)
        self._store(plays, started.import_id)
        import_gaps.close(self.warehouse, started, closings([*gaps, opened] if opened else gaps, [file], stored, page))
        self.imports[started.import_id] = plays

    def undo(self, number, stopped_after=None):
        """As the command does it; `stopped_after`: at first only the oldest go, up to so many of its plays."""
        import_id = sorted(self.imports)[number % len(self.imports)]
        plays, gaps = self.plays(), self.gaps() + self.gaps("closed_gaps")
        records.mark_undone(self.warehouse, import_id, undone_at=UNTIL)
        self._reopen(import_id)
        if stopped_after is not None:
            until = at(self.imports[import_id].start + stopped_after)
            self.warehouse.run("undo_plays", string("import_id", import_id), *instants(since=at(0), until=until))
            self._reopen(import_id)
        self.warehouse.change_plays("undo_plays", self.listener, string("import_id", import_id))
        records.mark_undone(self.warehouse, import_id, undo_finished_at=UNTIL)
        del self.imports[import_id]
        stays = {n for n, brought_by in plays.items() if brought_by != import_id}
        from_api = {n for n in stays if plays[n] is None}
        self.owed |= {n for n in plays.keys() - stays if is_missing(n, stays, from_api, gaps)}

    def _reopen(self, import_id):
        found = import_gaps.find_reopened(self.warehouse, self.listener, import_id)
        import_gaps.reopen(self.warehouse, self.listener, found)

    def check(self):
        plays, gaps = self.plays(), self.gaps()
        self.owed = {n for n in self.owed if n not in plays and any(other < n for other in plays)}
        missing = [n for n in sorted(self.owed) if not any(start < at(n) <= end for start, end in gaps)]
        assert missing == []
        passed_over = range(min(self._listed), max(self._listed)) if self._listed else ()
        assert [n for n in passed_over if n not in plays and not any(s < at(n) <= e for s, e in gaps)] == []
        inside = [n for n, brought_by in plays.items() for start, end in gaps if start < at(n) < end and not brought_by]
        assert inside == []

    def plays(self):
        """By number, the import that has brought it."""
        rows = self._query("SELECT played_at, import_id FROM listening.plays WHERE listener_id = @listener_id")
        return {round((row.played_at - SINCE) / APART): row.import_id for row in rows}

    def gaps(self, table="gaps"):
        rows = self._query(f"SELECT gap_start, gap_end FROM listening.{table} WHERE listener_id = @listener_id")
        return [(row.gap_start, row.gap_end) for row in rows]

    def _store(self, numbers, import_id):
        self._query(
            _STORE,
            bigquery.ArrayQueryParameter("instants", "TIMESTAMP", [at(n) for n in numbers]),
            string("import_id", import_id),
            string("source", "export" if import_id else "api"),
            bigquery.ScalarQueryParameter("listener_since", "TIMESTAMP", UNTIL),
        )

    def _query(self, text, *parameters):
        config = bigquery.QueryJobConfig(query_parameters=[string("listener_id", self.listener), *parameters])
        return list(self.cloud.bigquery.query_and_wait(text, job_config=config))


def is_missing(number, stays, from_api, gaps):
    """Whether it is known that this play is missing once it goes: the API has passed it over, or a gap is about it.

    A gap that begins right after it is about it, too. Where nothing before it is known, nothing is missing.
    """
    if min(stays, default=number) >= number:
        return False
    if from_api and min(from_api) < number < max(from_api):
        return True
    after = [at(other) for other in stays if other > number]
    return any(
        start < at(number) <= end or (at(number) <= start and not any(at(number) < other <= start for other in after))
        for start, end in gaps
    )


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    numbers = count()
    with pytest.MonkeyPatch.context() as patch, owning(tmp_path_factory.mktemp("lives"), patch) as owner:
        for name, value in owner.environ.items():
            patch.setenv(name, value)
        yield lambda: Life(owner, next(numbers))


PAGE_COMES = st.tuples(st.just("page"), st.integers(1, 12))
IMPORT = st.tuples(st.just("import"), st.integers(0, 8), st.integers(2, 20), st.integers(2, 20))
UNDO = st.tuples(st.just("undo"), st.integers(0, 3), st.none() | st.integers(0, 10))
ORDERS = st.lists(st.integers(0, 3), min_size=4, max_size=4)
"""Which of the imports that are left is undone next."""
BEHIND_A_PAGE = [("page", 1), ("import", 5, 5, 3), ("page", 8), ("import", 0, 13, 13)]
BEFORE_ANOTHER = [("page", 1), ("import", 5, 5, 2), ("import", 0, 3, 3), ("page", 8)]
BEFORE_THE_FIRST_PAGE = [("import", 0, 3, 3), ("page", 8), ("import", 0, 10, 10), ("import", 0, 14, 3)]
OF_AN_EARLIER_UNDO = [("import", 5, 24, 5), ("page", 7), ("import", 3, 14, 2), ("import", 6, 24, 16)]
"""What the second import alone had brought is missing behind plays that the third one has."""
REACHING_THE_NEXT_PAGE = [("page", 1), ("import", 13, 2, 2), ("page", 1)]
OF_A_SHORT_ONE = [("import", 4, 17, 3), ("page", 11), ("import", 4, 15, 1), ("import", 3, 26, 15)]


@settings(max_examples=12)
@given(st.lists(PAGE_COMES | IMPORT | IMPORT | UNDO, min_size=4, max_size=9), ORDERS)
@example(BEHIND_A_PAGE, [0, 0, 0, 0])
@example(BEHIND_A_PAGE, [1, 0, 0, 0])
@example(BEFORE_ANOTHER, [0, 0, 0, 0])
@example(BEFORE_THE_FIRST_PAGE, [0, 0, 0, 0])
@example(BEFORE_THE_FIRST_PAGE, [0, 1, 0, 0])
@example(OF_AN_EARLIER_UNDO, [1, 0, 0, 0])
@example(REACHING_THE_NEXT_PAGE, [0, 0, 0, 0])
@example(OF_A_SHORT_ONE, [1, 2, 2, 1])
def test_in_whatever_order_pages_and_imports_come_and_imports_go_nothing_is_missing_without_a_gap(lives, events, order):
    life = lives()
    for what, number, *more in events:
        if what == "page":
            life.page(number)
        elif what == "import":
            life.import_plays(number, *more)
        elif life.imports:
            life.undo(number, *more)
        life.check()
    for number in [*order, *range(len(life.imports))][: len(life.imports)]:
        life.undo(number)
        life.check()
    assert (joined(life.gaps()), life.gaps("closed_gaps")) == (joined(life.expected_gaps), [])


def test_an_import_that_came_before_a_page_closes_the_gap_before_it_when_its_files_are_given_again(lives):
    life = lives()
    life.page(1)
    life.import_plays(20, 27, 26)
    life.page(1)
    assert life.gaps() == [(at(6), at(25))]
    life.import_plays(0, 28, 27)
    assert life.gaps() == []
