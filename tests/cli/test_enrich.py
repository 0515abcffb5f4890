"""The command `enrich`: audio features now, for tracks that have none, within what was asked for."""

import json

import pytest

from cli.command_line import main
from cli.commands import enrich
from cli.console import show_progress
from localcloud.faults import Fault
from tests.cli.harness import ONE
from tests.load.harness import play


@pytest.fixture
def imported(importing, monkeypatch):
    """Plays of an import: a track that ReccoBeats knows was played most, one that it does not know last."""
    monkeypatch.setattr(enrich, "_BETWEEN_CALLS_SECONDS", 0)
    tracks = importing.owner.spotify.catalogue.tracks.values()
    known = [track for track in tracks if track.features and track.reccobeats_id][:45]
    unknown = next(track for track in tracks if not track.reccobeats_id)
    ids = [*(track.id for track in known), known[0].id, unknown.id]
    plays = [
        play(number, ONE, track=track_id, source="export", ms_played=60_000) for number, track_id in enumerate(ids)
    ]
    importing.stores(*plays)
    importing.known, importing.unknown = known, unknown
    directory = importing.owner.directory / "environment.json"
    state = json.loads(directory.read_text())
    state["settings"]["RECCOBEATS_API_URL"] = f"{state['settings']['SPOTIFY_API_URL']}/reccobeats"
    directory.write_text(json.dumps(state))
    return importing


def catalogue(importing):
    return {row["track_id"]: row for row in importing.rows("SELECT * FROM listening.catalogue")}


def test_every_track_is_asked_for_forty_a_call_and_what_is_known_is_not_asked_for_again(imported):
    output = imported.types("enrich")
    assert (output.code, output.out) == (0, "Requested 46 of 46 tracks without audio features: 45 known now.\n")
    assert output.err.splitlines()[-2:] == ["40 of 46 tracks", "46 of 46 tracks"]
    found = catalogue(imported)
    track = imported.known[0]
    assert (found[track.id]["energy"], found[track.id]["isrc"]) == (track.features.energy, track.isrc)
    assert found[track.id]["features_source"] == "reccobeats"
    assert found[imported.unknown.id]["ask_again_at"] is not None
    assert imported.types("enrich", "--json").json == {"unknown": 0, "asked": 0, "known_now": 0}


def test_a_listener_who_is_forgotten_meanwhile_leaves_no_track(imported, monkeypatch):
    """The answers of the second call come when no play of its tracks is left."""

    def forget_before_the_second_call(*progress):
        monkeypatch.setattr(enrich, "show_progress", show_progress)
        assert len(catalogue(imported)) == 40
        main(["forget", ONE, "--yes", "--no-wait", "--laptop", str(imported.owner.directory)], {})

    monkeypatch.setattr(enrich, "show_progress", forget_before_the_second_call)
    assert imported.types("enrich").code == 0
    assert (imported.plays(), catalogue(imported)) == ([], {})


def test_a_dry_run_sends_no_request_and_a_budget_covers_the_most_played_first(imported):
    output = imported.types("enrich", "--tracks", "1", "--dry-run")
    assert output.out == "Without audio features: 46 tracks. Would request 1 of them in 1 call.\n"
    assert catalogue(imported) == {}
    imported.types("enrich", "--tracks", "1")
    assert catalogue(imported).keys() == {imported.known[0].id}


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (
            {"name": "reccobeats_too_many_requests", "retry_after_seconds": 99},
            "a pause of 1 min 39 s. The answers so far",
        ),
        ({"name": "reccobeats_server_error", "times": 3}, "ReccoBeats is not available (status 500)"),
    ],
)
def test_a_provider_in_trouble_ends_the_command_with_a_sentence_and_costs_nothing(imported, order, sentence):
    imported.owner.spotify.order(**order)
    output = imported.types("enrich")
    assert (output.code, output.out) == (1, "")
    assert sentence in output.err
    assert catalogue(imported) == {}
    assert imported.types("enrich").code == 0


def test_a_call_that_is_refused_is_not_made_again_within_a_day(imported):
    imported.owner.spotify.order("reccobeats_missing_parameter")
    output = imported.types("enrich")
    assert (output.code, output.out) == (1, "")
    assert "no answer for 40 tracks (status 400), which are not asked for again within a day. The answers" in output.err
    output = imported.types("enrich")
    assert (output.code, output.out) == (0, "Requested 6 of 6 tracks without audio features: 6 known now.\n")
    assert len(catalogue(imported)) == 46


@pytest.mark.parametrize("body", ['{"content": null}', '{"content": 7}', "[]", '{"content": [', "{}"])
def test_an_answer_without_a_list_ends_the_command_with_a_sentence(imported, body):
    imported.cloud.faults.order(*[Fault("spotify GET /reccobeats/.*", status=200, body=body)] * 3)
    output = imported.types("enrich", "--tracks", "1")
    assert (output.code, output.out, "no answer for 1 track (it" in output.err) == (1, "", True)
    assert [row["features_source"] for row in catalogue(imported).values()] == [None]


def test_nonsense_is_left_out_and_what_ingest_would_log_of_it_is_no_part_of_the_result(imported):
    track = imported.known[0]
    record = {"href": f"https://open.spotify.com/track/{track.id}", "energy": 1.5, "valence": 0.5, "isrc": "no ISRC"}
    body = json.dumps({"content": [record]})
    imported.cloud.faults.order(Fault("spotify GET /reccobeats/.*", status=200, body=body))
    output = imported.types("enrich", "--tracks", "1", "--json")
    assert output.json == {"unknown": 46, "asked": 1, "known_now": 1}
    assert '"values": {"energy": 1}' in output.err
    found = catalogue(imported)[track.id]
    assert (found["energy"], found["valence"], found["isrc"]) == (None, 0.5, None)
