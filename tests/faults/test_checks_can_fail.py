"""Each promise is broken on purpose, in the product's own code, and the check that watches over it must say so."""

import uuid
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

import buckets
import catalogue
import collect
import gaps
import landed_object
import load_file
import merge
import plays
import report
import slots
import spotify
import trigger_batch
import trigger_ledger
from batches import Decision
from cli import plays_loaded
from cli.commands.import_history import gaps as import_gaps
from cli.commands.import_history import landing as landing_bucket
from localcloud.demo.recount import top_tracks, tracks
from localcloud.faults import Fault
from tests.event_function import broken as raising
from tests.faults import campaign, checks
from tests.faults.storms import (
    LONE_KINDS,
    MERGE,
    Force,
    Import,
    Listening,
    Outlive,
    Rotate,
    Storm,
    Trouble,
    draw,
)
from tests.faults.test_promise import FOUND
from tests.localcloud.spotify.faulty_spotify import SpotifyFault

ONE, TWO = "listener-one", "listener-two"


def storm(*parts, hours=2):
    listening = tuple(part for part in parts if isinstance(part, Listening))
    return Storm(1, hours, listening, tuple(part for part in parts if isinstance(part, Trouble)))


def trouble(hour, *measures):
    return Trouble(hour, "planted", measures)


def broken(world, storm, **options):
    return campaign._names(checks.problems(world.run(storm, **options)))


AN_HOUR_LATE = Fault("events deliver .*finalized", "late", overtaken_by=None)
CALM = storm(Listening(0, ONE, 5), Listening(1, ONE, 4), Listening(1, TWO, 3))
LATE_FILE = storm(Listening(0, ONE, 10), trouble(0, AN_HOUR_LATE))
MORE_THAN_FIFTY = storm(Listening(0, ONE, 5), Listening(1, ONE, 60))
BEHIND_A_KNOWN_PLAY = storm(
    Listening(0, ONE, 5), Listening(1, ONE, 62, dict.fromkeys(range(60), 61)), Listening(2, ONE, 5), hours=3
)
CLOCK_AHEAD = storm(Listening(0, ONE, 30, ahead_minutes={29: 90}), Listening(1, ONE, 55), hours=2)
HALF_POLLED = FOUND["an attempt lands one listener and dies, the next one hears the other"]
FORCED = storm(
    Listening(0, ONE, 9),
    Listening(1, ONE, 45),
    Listening(2, ONE, 45),
    trouble(0, Force((20, 59))),
    trouble(1, Force((0,))),
    hours=3,
)
OUTLIVED = storm(Listening(0, ONE, 10), *(trouble(0, Outlive(skip)) for skip in (0, 4, 7)))
UNDONE_IMPORT = storm(Listening(0, ONE, 20), Listening(1, ONE, 70), trouble(2, Import(ONE, 0, 1)), hours=3)


@pytest.mark.parametrize(
    "quiet",
    [LATE_FILE, MORE_THAN_FIFTY, BEHIND_A_KNOWN_PLAY, CLOCK_AHEAD, FORCED, OUTLIVED, UNDONE_IMPORT],
    ids=["late", "many", "behind", "ahead", "forced", "outlived", "undone"],
)
def test_these_storms_break_nothing_when_nothing_is_broken(world, quiet):
    assert broken(world, quiet) == set()


@pytest.fixture(scope="module")
def calm(world):
    """The evidence of a storm that broke nothing. Tests spoil copies of it."""
    evidence = world.run(CALM)
    assert checks.problems(evidence) == []
    return evidence


def test_a_merge_that_does_not_look_first_doubles_plays(world, monkeypatch):
    def insert_sql(target, tracks, landed, imports, columns):
        return f"INSERT INTO `{target}` ({', '.join(columns)}) SELECT {', '.join(columns)} FROM ({landed})"

    monkeypatch.setattr(merge, "merge_sql", insert_sql)
    assert "no_play_is_stored_twice" in broken(world, LATE_FILE)


def test_a_catalogue_that_takes_an_albums_name_for_the_tracks(world, monkeypatch):
    def swapped(client, *details):
        albums = "SELECT track_id, MAX(album_name) AS name FROM plays GROUP BY track_id"
        client.query_and_wait(
            f"MERGE catalogue USING ({albums}) AS album ON catalogue.track_id = album.track_id "
            "WHEN NOT MATCHED THEN INSERT (track_id, track_name) VALUES (album.track_id, album.name)"
        )

    monkeypatch.setattr(catalogue, "run_query", swapped)
    assert broken(world, CALM) == {"the_catalogue_is_true"}


OVERLAPPING = storm(Listening(0, ONE, 10), trouble(0, Fault(MERGE, "overlap"), Force((0,))))
OVERLAPPING_IMPORT = storm(Listening(0, ONE, 10), trouble(0, Fault(MERGE, "overlap"), Import(ONE, 0)))


@pytest.mark.parametrize("doubling", [OVERLAPPING, OVERLAPPING_IMPORT], ids=["one key", "two keys"])
def test_plays_that_two_loads_store_at_once_are_noticed_and_repaired(world, monkeypatch, doubling):
    evidence = world.run(doubling)
    assert checks.problems(evidence) == []
    assert len(evidence.doubled) == 10
    monkeypatch.setattr(load_file, "count_doubled", lambda *details: 0)
    assert broken(world, doubling) == {"every_doubled_play_was_noticed"}


def test_a_repair_of_plays_that_counted_twice_without_a_batch_after_it(world, monkeypatch):
    monkeypatch.setattr(plays_loaded, "publish", lambda *details: None)
    assert broken(world, OVERLAPPING_IMPORT) == {"the_last_batch_has_seen_every_play"}


def add_nothing_to_files(monkeypatch):
    real = buckets._write
    monkeypatch.setattr(buckets, "_write", lambda blob, content, generation: generation or real(blob, content, 0))


def test_a_run_that_leaves_the_file_as_an_earlier_attempt_landed_it_loses_plays(world, monkeypatch):
    add_nothing_to_files(monkeypatch)
    assert "every_play_that_a_finished_run_was_shown_is_stored" in broken(world, HALF_POLLED)


def test_a_file_that_is_said_to_be_written_and_is_not(world, monkeypatch):
    monkeypatch.setattr(buckets, "_write", lambda blob, content, generation: True)
    found = broken(world, CALM)
    assert "ingest_succeeded_where_and_only_where_a_file_landed" in found
    assert "every_play_that_a_finished_run_was_shown_is_stored" in found


def test_a_wrong_column(world, monkeypatch):
    monkeypatch.setattr(plays, "_album_values", lambda album: {})
    assert "every_stored_play_is_true_in_every_column" in broken(world, CALM)


def test_a_play_that_spotify_never_showed(world, monkeypatch):
    real = plays._played_at
    monkeypatch.setattr(plays, "_played_at", lambda value, now: real(value, now).replace(microsecond=0))
    assert "every_stored_play_is_true_in_every_column" in broken(world, CALM)


@pytest.mark.parametrize(
    "missing", [MORE_THAN_FIFTY, BEHIND_A_KNOWN_PLAY, CLOCK_AHEAD], ids=["many", "behind", "ahead"]
)
def test_gaps_that_are_not_reported(world, monkeypatch, missing):
    monkeypatch.setattr(gaps, "write_gaps", lambda *details: None)
    assert "every_play_that_was_missed_is_inside_a_gap" in broken(world, missing)


def test_a_gap_where_nothing_is_missing(world, monkeypatch):
    monkeypatch.setattr(gaps, "_is_ahead", lambda played_at, ingested_at: True)
    assert broken(world, storm(Listening(0, ONE, 45), Listening(1, ONE, 20))) == {
        "no_gap_is_recorded_where_nothing_is_missing"
    }


def test_a_rotated_token_that_is_not_kept(world, monkeypatch):
    monkeypatch.setattr(collect, "store_refresh_token", lambda client, listener, token: listener)
    assert broken(world, CALM) == {"the_newest_refresh_token_is_kept"}


def test_a_token_in_a_log(world, monkeypatch):
    real = collect.store_refresh_token

    def careless(client, listener, token):
        print(f"keeping {token}")
        return real(client, listener, token)

    monkeypatch.setattr(collect, "store_refresh_token", careless)
    assert broken(world, CALM) == {"no_secret_is_seen_anywhere"}


def test_a_rotated_token_that_is_kept_only_when_the_page_has_come(world, monkeypatch):
    def careless(client, spotify, listener):
        grant = spotify.refresh(listener.refresh_token)
        if grant.refresh_token is None:
            return collect._Refreshed(grant.access_token, listener)
        spotify.fetch_recently_played(grant.access_token)
        return collect._Refreshed(
            grant.access_token, collect.store_refresh_token(client, listener, grant.refresh_token)
        )

    storm_of_it = storm(
        Listening(0, ONE, 5), trouble(1, *LONE_KINDS["a rotation that ends the old token, then no page"](Random(1)))
    )
    assert broken(world, storm_of_it) == set()
    monkeypatch.setattr(collect, "_refresh", careless)
    assert "the_newest_refresh_token_is_kept" in broken(world, storm_of_it)


def test_credentials_as_they_are_sent_in_a_log(world, monkeypatch):
    real = spotify.App.authorization
    monkeypatch.setattr(spotify.App, "authorization", lambda app: print(real(app)) or real(app))
    assert broken(world, CALM) == {"no_secret_is_seen_anywhere"}


def test_a_load_that_claims_other_than_it_brought(world, monkeypatch):
    real = load_file.succeeded

    def boasting(landed, counts):
        row = real(landed, counts)
        return replace(row, rows_new=row.rows_new - 1)

    monkeypatch.setattr(load_file, "succeeded", boasting)
    assert "load_says_what_it_did" in broken(world, CALM)


def test_a_run_that_claims_other_than_it_landed(world, monkeypatch):
    real = report.of_collected
    monkeypatch.setattr(report, "of_collected", lambda *details: replace(real(*details), rows_new=0))
    assert "ingest_succeeded_where_and_only_where_a_file_landed" in broken(world, CALM)


def test_a_listener_who_is_reported_as_polled_and_was_not(world, monkeypatch):
    real = report._listener
    monkeypatch.setattr(report, "_listener", lambda *details: real(*details) | {"state": "nothing_new"})
    unavailable = SpotifyFault("gateway_timeout_html", listener=TWO, endpoint="token", times=3)
    assert "each_listener_recorded_as_polled_was_sent_a_page" in broken(
        world, storm(Listening(0, ONE, 5), trouble(0, unavailable))
    )


def test_a_publish_that_failed_and_is_passed_over(world, monkeypatch):
    real = load_file.publish_plays_loaded

    def careless(*details):
        with suppress(Exception):
            real(*details)

    monkeypatch.setattr(load_file, "publish_plays_loaded", careless)
    unpublished = trouble(0, Fault("gcp POST .*:publish", times=60))
    found = broken(world, storm(Listening(0, ONE, 5), unpublished))
    assert "every_load_that_brought_plays_was_announced_to_transform_trigger" in found


def test_plays_without_a_message(world, monkeypatch):
    monkeypatch.setattr(load_file, "publish_plays_loaded", lambda *details: None)
    assert {"the_last_batch_has_seen_every_play"} < broken(world, CALM)


def test_a_batch_beside_another(world, monkeypatch):
    monkeypatch.setattr(trigger_batch, "decide", lambda *details: Decision("submit", "always"))
    twice = storm(Listening(0, ONE, 5), trouble(0, Fault("events deliver .*messagePublished", "twice")))
    assert "never_do_two_batches_run_at_once" in broken(world, twice)


def test_a_load_that_leaves_no_row(world, monkeypatch):
    monkeypatch.setattr(load_file, "write_row", lambda *details: None)
    assert broken(world, CALM) == {"load_says_what_it_did"}


def test_a_ledger_that_says_what_did_not_happen(world, monkeypatch):
    monkeypatch.setattr(trigger_batch, "submit_batch", lambda *details: "top-tracks-of-none")
    assert "batches_are_what_the_ledger_says" in broken(world, CALM)


def test_an_event_that_never_arrives(world, monkeypatch):
    monkeypatch.setattr(load_file, "fetch_plays_table", raising(RuntimeError("planted")))
    found = broken(world, CALM)
    assert {"nothing_is_left_undelivered", "every_stored_play_is_in_the_file_of_its_run"} <= found


def test_a_play_that_a_dead_run_was_shown_and_that_is_not_reported(world, monkeypatch):
    add_nothing_to_files(monkeypatch)
    monkeypatch.setattr(gaps, "write_gaps", lambda *details: None)
    assert "every_play_on_any_page_is_stored_or_inside_a_gap" in broken(world, HALF_POLLED)


def copying(table, real):
    """The function as it is, and then every row of the table once more."""

    def copy(client_or_cloud, *details):
        done = real(client_or_cloud, *details)
        client = getattr(client_or_cloud, "bigquery", client_or_cloud)
        client.query_and_wait(f"INSERT INTO {table} SELECT * FROM {table} WHERE TRUE")
        return done

    return copy


def test_a_gap_that_stands_twice(world, monkeypatch):
    monkeypatch.setattr(gaps, "write_gaps", copying("gaps", gaps.write_gaps))
    assert "every_gap_is_recorded_once" in broken(world, MORE_THAN_FIFTY)


def test_a_row_of_the_ledger_that_stands_twice(world, monkeypatch):
    monkeypatch.setattr(report, "write_run", copying("runs", report.write_run))
    assert "no_row_stands_twice_in_the_ledger" in broken(world, storm(Listening(0, ONE, 5), hours=1))


def fresh_id(landed, work, job_id=landed_object.LandedObject.job_id):
    return f"ledger-{uuid.uuid4()}" if work == "ledger" else job_id(landed, work)


@pytest.mark.parametrize(
    ("event", "owner", "job_id"),
    [
        ("object.v1.finalized", landed_object.LandedObject, fresh_id),
        ("messagePublished", trigger_ledger.LedgerRow, property(lambda _: f"ledger-{uuid.uuid4()}")),
    ],
)
def test_a_repeat_that_adds_its_row_again(world, monkeypatch, event, owner, job_id):
    monkeypatch.setattr(owner, "job_id", job_id)
    twice = storm(Listening(0, ONE, 5), trouble(0, Fault(f"events deliver .*{event}", "twice")))
    assert "no_row_stands_twice_in_the_ledger" in broken(world, twice)


def test_a_run_that_leaves_no_row(world, monkeypatch):
    monkeypatch.setattr(report, "write_run", lambda *details: None)
    assert "every_slot_that_was_answered_has_its_row" in broken(world, CALM)


def test_a_forced_run_that_takes_the_slot_of_the_schedule(world, monkeypatch):
    """As ingest once did: it believed the header, whatever it said."""
    monkeypatch.setattr(slots, "_AHEAD", timedelta(days=1))
    forced = storm(Listening(0, ONE, 5), Listening(1, ONE, 5), trouble(0, Force((20,))))
    assert "every_run_is_named_after_its_slot" in broken(world, forced)


def test_a_pause_that_never_ends(world, monkeypatch):
    real = report.read_earlier

    def for_ever(client, run):
        return real(client, run) if run.slot.hour < 12 else (None, run.slot + timedelta(days=1))

    monkeypatch.setattr(report, "read_earlier", for_ever)
    assert broken(world, CALM) == {"in_the_end_every_listener_is_polled"}


def test_a_rotated_token_that_is_thrown_away_in_the_first_hour(world, monkeypatch):
    real = collect.store_refresh_token

    def forgetful(client, listener, token):
        is_first_hour = datetime.now(UTC).hour == 10
        return listener.with_token(token, listener.version) if is_first_hour else real(client, listener, token)

    monkeypatch.setattr(collect, "store_refresh_token", forgetful)
    rotated = storm(Listening(0, ONE, 5), trouble(0, Rotate(ONE, old_dies_at_once=True)))
    assert "in_the_end_every_listener_is_polled" in broken(world, rotated)


def test_a_run_that_wrote_at_another_time(world, monkeypatch):
    real = plays.parse_page

    def late(items, listener_id, run):
        return real(items, listener_id, replace(run, started_at=run.started_at + timedelta(hours=3)))

    monkeypatch.setattr(collect, "parse_page", late)
    assert "every_stored_play_is_true_in_every_column" in broken(world, CALM)


def test_a_top_ten_that_a_recount_does_not_give(calm):
    """Without Spark: what Spark would have written, and then one place of it taken for another."""
    evidence = deepcopy(calm)
    last = checks.batches._last_batch(evidence)
    run_id = last.batch_id.removeprefix("top-tracks-").upper()
    of_batch = {"run_id": run_id, "computed_at": last.created_at}
    evidence.top_tracks = [row | of_batch for row in top_tracks(evidence.plays, last.as_of)]
    evidence.ledger.append({"run_id": run_id, "step": "top_tracks", "state": "succeeded", "reason": ""})
    assert checks.problems(evidence) == []
    evidence.top_tracks[0]["plays"] += 1
    assert campaign._names(checks.problems(evidence)) == {"the_top_ten_is_what_a_recount_gives"}
    evidence.ledger.pop()
    assert "the ledger has no row of it" in str(checks.problems(evidence))


def test_a_list_of_tracks_that_a_recount_does_not_give(calm):
    evidence = deepcopy(calm)
    last = checks.batches._last_batch(evidence)
    evidence.tracks = [row | {"run_id": "x"} for row in tracks(evidence.plays, last.as_of)]
    assert checks.problems(evidence) == []
    evidence.tracks[0]["track_name"] = "Another"
    assert campaign._names(checks.problems(evidence)) == {"the_list_of_tracks_is_what_a_recount_gives"}


def test_a_call_that_the_laptop_cloud_does_not_know(world, monkeypatch):
    def ask(client, table_id, *rest):
        client.get_routine(f"{table_id}_routine", retry=None)

    monkeypatch.setattr(load_file, "fetch_plays_table", ask)
    assert "nothing_was_asked_that_the_laptop_cloud_does_not_know" in broken(world, CALM)


def test_an_undo_that_leaves_the_file(world, monkeypatch):
    monkeypatch.setattr(landing_bucket.LandedFiles, "delete", lambda files: None)
    assert "nothing_is_left_of_an_import_that_was_undone" in broken(world, UNDONE_IMPORT)


def test_an_undo_that_opens_no_gap(world, monkeypatch):
    monkeypatch.setattr(import_gaps, "reopen", lambda *details: None)
    assert "every_play_that_was_missed_is_inside_a_gap" in broken(world, UNDONE_IMPORT)


HIDDEN = frozenset({2, 31})
BETWEEN_TWO_IMPORTS = storm(
    Listening(0, ONE, 37, never_shown=HIDDEN),
    Listening(2, ONE, 89),
    trouble(1, Import(ONE, 0, 2)),
    trouble(2, Import(ONE, 0)),
    hours=3,
)


def test_a_later_import_lacks_what_it_found_of_one_that_is_undone_and_nothing_else(world):
    evidence = world.run(BETWEEN_TWO_IMPORTS)
    assert checks.problems(evidence) == []

    [undone] = [row for row in evidence.imports if row["undone_at"]]
    [later] = [row for row in evidence.imports if not row["undone_at"]]
    of_later = [row for row in evidence.plays if row["import_id"] == later["import_id"]]
    assert min(row["played_at"] for row in of_later) > undone["last_played_at"]
    evidence.plays.remove(of_later[0])
    [problem] = never_loaded(evidence)
    assert f"was landed by run {of_later[0]['run_id']}" in problem

    # A play within the time of the first import that it did not have.
    evidence.went_with[undone["import_id"]].pop()
    assert len(never_loaded(evidence)) == 2


def never_loaded(evidence):
    return [problem for problem in checks.problems(evidence) if "and never loaded" in problem]


def test_a_command_that_ends_in_no_sentence(world, monkeypatch):
    monkeypatch.setattr(import_gaps, "find_reopened", lambda *details: 1 / 0)
    assert "every_command_of_the_owners_ends_in_a_sentence" in broken(world, UNDONE_IMPORT)


def test_every_check_is_broken_here():
    text = Path(__file__).read_text()
    assert [check.__name__ for check in checks.CHECKS if f'"{check.__name__}"' not in text] == []


def test_a_failing_storm_is_shrunk_to_what_makes_it_fail(monkeypatch):
    """Two of its parts break a promise together; without either of them, another promise is broken."""
    seed = next(seed for seed in range(1000) if len(draw(seed).listening) > 2 and draw(seed).troubles)
    first, _, third, *_ = draw(seed).listening

    def problems(storm):
        return [f"{'one' if first in storm.listening and third in storm.listening else 'another'}: {storm.parts} parts"]

    monkeypatch.setattr(campaign, "problems", problems)
    failure = campaign.shrink(seed, SimpleNamespace(run=lambda storm, with_spark: storm))
    assert failure.storm.listening == (first, third)
    assert failure.storm.troubles == ()
    assert failure.storm == draw(seed).keep(failure.parts)
    assert failure.problems == ("one: 2 parts",)
