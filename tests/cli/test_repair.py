"""Plays that are stored twice become one row each, every reader counts them once before, and nothing else changes."""

import base64
import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import pytest

from cli.commands.repair import find_doubled, repair
from cli.place import on_laptop
from cli.warehouse import Warehouse
from localcloud import ledger
from localcloud.gcp.eventarc.cloud_events import MESSAGE_PUBLISHED
from tests.cli.harness import ONE, TWO
from tests.load.harness import COLUMNS
from tests.load.test_same_play import RELISTED, of_listeners, slug
from tests.seed import seed

MANNER = {"reason_start": "fwdbtn", "reason_end": "logout", "skipped": False, "shuffle": True, "incognito_mode": False}
AT = datetime(2026, 11, 22, 9, 0, 1, 863_000, UTC)
BEFORE, AFTER = AT - timedelta(hours=1), AT + timedelta(hours=1)


def row(at=AT, track="a", listener=ONE, **values):
    own = {"listener_id": listener, "played_at": at, "track_id": track, "track_name": "Song", "artist_name": "Artist"}
    others = {"source": "api", "run_id": "20261122T100000Z", "ingested_at": AT + timedelta(hours=2)}
    return dict.fromkeys(COLUMNS) | own | others | values


class Plays:
    """The table `plays` of the owner's laptop cloud."""

    def __init__(self, owner):
        self._cloud = owner.cloud

    def insert(self, *rows):
        seed(self._cloud, "plays", rows)

    def insert_on(self, days, *rows):
        """Each row once for each instant, of another track each day, or comparing all with all would take a while."""
        of_days = ({"played_at": day, "track_id": f"t{day:%j}", "track_name": None} for day in days)
        self.insert(*(row | of_day for of_day in of_days for row in rows))

    def rows(self):
        sql = "SELECT * FROM `{dataset}.plays` ORDER BY listener_id, played_at, track_id, run_id"
        return ledger.read(self._cloud.environment, sql)


@pytest.fixture
def plays(owner):
    return Plays(owner)


def test_of_several_rows_with_one_key_one_is_left_and_the_other_plays_are_as_they_were(owner, plays, capsys):
    single = [row(BEFORE), row(AT, "b", track_name="Other"), row(AFTER), row(AT, listener=TWO)]
    kept = row(run_id="20261122T090000Z", ingested_at=AT + timedelta(hours=1))
    plays.insert(*single, row(), kept, row(ms_played=200_000, source="export", **MANNER))
    plays.insert(*[row(AFTER, "c", track_name="Other")] * 2)  # a file's generations have equal rows
    output = owner.types(capsys, "repair")
    assert output.code == 0
    assert output.out == (
        "listener-one: 2 plays stored twice\n"
        "They were played between 2026-11-22 09:00 and 2026-11-22 10:00 UTC.\n"
        "Each is stored once now, and was counted once before.\n"
    )
    key = ("listener_id", "played_at", "track_id")
    expected = [*single, kept | {"ms_played": 200_000, **MANNER}, row(AFTER, "c", track_name="Other")]
    assert plays.rows() == sorted(expected, key=lambda each: [each[name] for name in key])


def test_what_is_repaired_of_one_listener_changes_no_row_of_another_at_the_same_instant(owner, plays):
    others = [row(listener=TWO, run_id="20261122T090000Z"), row(listener=TWO)]
    plays.insert(row(), row(), *others)
    warehouse = Warehouse(on_laptop(owner.directory))
    repair(warehouse, find_doubled(warehouse, ONE), ONE)
    assert plays.rows() == [row(), *others]


def test_plays_of_more_days_than_one_statement_may_change_are_repaired(owner, plays, capsys, monkeypatch):
    """A play of the one listener under one key, and of the other under two, each day; the figures are a hundredth."""
    monkeypatch.setattr("localcloud.gcp.bigquery.query._MOST_PARTITIONS", 40)
    monkeypatch.setattr("cli.commands.repair.MOST_DAYS", timedelta(days=35))
    days = [AT - timedelta(days=number) for number in range(41)]
    plays.insert_on(days, row(), row(), row(listener=TWO))
    plays.insert_on([day + timedelta(seconds=5) for day in days], row(listener=TWO, source="export", ms_played=9))
    output = owner.types(capsys, "repair")
    assert (output.code, len(plays.rows())) == (0, 82)
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_a_play_of_the_api_and_its_row_of_an_export_become_one_row(owner, plays, capsys):
    near = AT + timedelta(seconds=5)
    short, other = row(AT + timedelta(minutes=9), source="export", ms_played=9_000), row(near, "b", track_name="Other")
    plays.insert(row(), row(near, source="export", ms_played=200_000, **MANNER), short, other)
    assert owner.types(capsys, "repair", "--json").json == {
        "doubled": [
            {
                **{"listener_id": ONE, "played_at": "2026-11-22T09:00:06.863Z", "track_id": "a"},
                **{"kept_at": "2026-11-22T09:00:01.863Z", "kept_id": "a", "is_key": False},
            }
        ],
        "repaired": True,
    }
    assert plays.rows() == [row(ms_played=200_000, reported_at=near, **MANNER), other, short]


def test_of_a_play_that_the_api_has_shown_under_three_ids_one_row_is_left_with_the_time_played(owner, plays, capsys):
    """Not the row that undoing an import would take away."""
    imported = row(track="a", import_id="x", ms_played=9_000, ms_played_import_id="x", **MANNER)
    others = [row(track="d", track_name="Other"), row(listener=TWO)]
    plays.insert(imported, row(track="c"), row(track="b"), *others)
    assert owner.types(capsys, "repair", "--json").json["repaired"] is True
    assert plays.rows() == [imported | {"track_id": "b", "import_id": None}, *others]
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_of_each_pair_that_load_would_have_made_one_row_of_the_lower_id_is_left(owner, plays, capsys):
    pairs = list(zip(*(of_listeners(RELISTED, which) for which in (0, 1)), strict=True))
    # `tracks` is empty here.
    pairs = [pair for pair in pairs if pair[0]["listener_id"] != slug("the ISRC that tracks knows")]
    plays.insert(*(row for pair in pairs for row in pair))
    assert len(owner.types(capsys, "repair", "--json").json["doubled"]) == len(pairs)
    assert plays.rows() == sorted((again for _, again in pairs), key=itemgetter("listener_id"))
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_of_two_plays_of_one_instant_each_is_left_once(owner, plays, capsys):
    """Of three rows the middle one agrees with both others, which do not agree: nothing says which of them it is."""
    near = AT + timedelta(seconds=5)
    first = [row(track=track, track_name="Other", isrc="GBAAA2100001") for track in "af"]
    second = [row(track=track, isrc="GBAAA2100002") for track in "be"]
    export = row(near, "b", source="export", ms_played=200_000, **MANNER)
    chain = [
        row(AFTER, "a", artist_name="Ada"),
        row(AFTER, "b", artist_name="Bo", artist_names="Ada; Bo"),
        row(AFTER, "c", artist_name="Bo"),
    ]
    later = AFTER + timedelta(minutes=1)
    chain_of_isrc = [
        row(later, "a", isrc="GBAAA2100001"),
        row(later, "b", isrc="GBAAA2100002"),
        row(later, "c", track_name="Other", isrc="GBAAA2100002"),
    ]
    plays.insert(*first, *second, export, *chain, *chain_of_isrc)
    owner.types(capsys, "repair")
    completed = second[0] | {"ms_played": 200_000, "reported_at": near, **MANNER}
    assert plays.rows() == [first[0], completed, chain[0], chain[2], chain_of_isrc[0], chain_of_isrc[2]]
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_what_an_export_has_said_of_the_row_that_is_left_stays_also_without_a_time_played(owner, plays, capsys):
    """It was more than any track lasts."""
    kept = row(reported_at=AFTER, ms_played_import_id="x", **MANNER)
    plays.insert(kept, row(track="b"))
    owner.types(capsys, "repair")
    assert plays.rows() == [kept]


def test_of_a_play_that_two_imports_have_under_two_keys_the_earlier_row_is_left(owner, plays, capsys):
    """The same `ts` and time played: one export has another id of the track, one another beginning, which overlaps.

    A play that begins as the kept one ends is no row of it, though one of the rows that go lies between the two.
    """
    values = {"source": "export", "ms_played": 200_000, "reported_at": AT + timedelta(hours=3)}
    kept = row(import_id="a", **values)
    twins = [row(track="b", import_id="b", **values), row(AT + timedelta(seconds=100), import_id="c", **values)]
    others = [row(AT + timedelta(seconds=200), import_id="d", **values), row(track="e", import_id="a", **values)]
    plays.insert(*others, kept, *twins)
    assert len(owner.types(capsys, "repair", "--json").json["doubled"]) == 2
    assert plays.rows() == [kept, others[1], others[0]]
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_a_later_play_of_the_track_is_another_play_whatever_is_stored_of_the_time_before(owner, plays, capsys):
    """An import that was undone may have had the row of the API's play; a trip offline has several with one `ts`."""
    exports = [row(at, track, source="export", ms_played=200_000) for at, track in ((BEFORE, "b"), (AFTER, "a"))]
    trip = [row(AFTER, track, source="export", ms_played=200_000, track_name=track) for track in "cd"]
    stored = [exports[0], *(row(track=track, track_name=track) for track in "cd"), row(), exports[1], *trip]
    plays.insert(*stored)
    assert owner.types(capsys, "repair").out == "No play is stored twice.\n"


def test_names_that_the_api_has_emptied_are_those_of_the_export(owner, plays, capsys):
    """As load fills them in when it has seen both."""
    near, emptied = AT + timedelta(seconds=5), {"artist_name": None, "album_name": None}
    values = {"artist_name": "Another", "album_name": "Album", "ms_played": 200_000}
    plays.insert(row(**emptied), row(near, source="export", track_name="Song!", **values))
    owner.types(capsys, "repair")
    assert plays.rows() == [row(reported_at=near, **values)]


def test_what_the_api_has_listed_is_no_imports_even_where_the_imports_row_is_older(owner, plays, capsys):
    """Undoing the import would take it away. A file of `cli export` has the rows of an earlier run."""
    imported = row(run_id="20261120T090000Z", ingested_at=AT - timedelta(days=2), import_id="a", ms_played=9_000)
    plays.insert(imported | {"ms_played_import_id": "a"}, row())
    owner.types(capsys, "repair")
    assert plays.rows() == [row(ms_played=9_000, ms_played_import_id="a")]


def test_of_two_imports_with_one_play_one_has_brought_all_of_it(owner, plays, capsys):
    """Undoing the other would leave a row without the time played."""
    first, second = (
        row(source="export", import_id=each, ms_played_import_id=each, ms_played=ms_played, reported_at=over_at)
        for each, ms_played, over_at in (("a", 200_000, None), ("b", 230_000, AT + timedelta(hours=1)))
    )
    plays.insert(second, first)
    owner.types(capsys, "repair")
    assert plays.rows() == [first]


def test_the_top_ten_is_computed_anew_where_plays_counted_twice_and_only_there(owner, plays, capsys):
    """A play under two keys is two plays to every reader. Under one key it is one."""
    messages = []

    def hear(headers, body):
        messages.append(json.loads(base64.b64decode(json.loads(body)["message"]["data"])))
        return 200

    owner.cloud.subscribe(MESSAGE_PUBLISHED, hear)
    plays.insert(row(BEFORE), row(BEFORE))
    owner.types(capsys, "repair")
    owner.cloud.deliver_pending()
    assert (messages, owner.types(capsys, "runs", "--json").json) == ([], [])
    near = AT + timedelta(seconds=5)
    for listener in (ONE, TWO):
        plays.insert(row(listener=listener), row(near, listener=listener, source="export", ms_played=200_000))
    output = owner.types(capsys, "repair").out.splitlines()
    assert output[-2] == "Each is stored once now; 2 plays counted twice until now."
    assert output[-1].startswith(
        "A Spark batch recomputes the top ten: now, or with new plays once top_tracks_min_interval_minutes"
    )
    owner.cloud.deliver_pending()
    [message], [step] = messages, owner.types(capsys, "runs", "--json").json
    assert (message["run_id"], message["rows_new"]) == (step["run_id"], 2)
    columns = ("step", "state", "listeners", "rows_new", "reason")
    assert [step[name] for name in columns] == ["repair", "succeeded", 2, 2, "Stored once now: 2 plays."]


def test_a_dry_run_shows_what_is_stored_twice_and_changes_nothing(owner, plays, capsys):
    plays.insert(row(), row())
    output = owner.types(capsys, "repair", "--dry-run")
    assert output.out.splitlines()[0] == "listener-one: 1 play stored twice"
    assert output.out.splitlines()[-1].startswith("Nothing was changed. To repair them, run `python -m cli repair")
    assert len(plays.rows()) == 2


def test_a_play_that_is_stored_twice_counts_once_for_the_owner(owner, plays, capsys, tmp_path):
    owner.has_listener(ONE)
    plays.insert(row(), row(run_id="20261122T110000Z"), row(AFTER))
    (listener,) = owner.types(capsys, "listeners", "--json").json
    assert listener["plays"] == 2
    file = tmp_path / "plays.csv"
    assert owner.types(capsys, "export", ONE, "--output", str(file)).code == 0
    assert len(file.read_text().splitlines()) == 3
