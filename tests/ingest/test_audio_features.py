"""Audio features come along when a provider gives them, and never cost a play when it does not."""

import json
import math
from dataclasses import asdict
from datetime import timedelta

import pytest

from audio_features import FEATURES, Provider, add_features, fetch_features
from failures import SpotifyUnavailable
from tests.ingest.harness import SLOT, ingesting_clouds
from tests.ingest.items import RUN, row
from tests.seed import seed

NOTHING = dict.fromkeys(FEATURES)


@pytest.fixture
def ingesting(tmp_path):
    """The first listener, and a Spotify that still gives audio features."""
    with ingesting_clouds(tmp_path, audio_features_open=True) as (ingesting,):
        ingesting.authorize(ingesting.slugs[0])
        yield ingesting


def choose(ingesting, source):
    ingesting.environment["AUDIO_FEATURES_SOURCE"] = source
    ingesting.restart()


def shown_tracks(ingesting):
    window = ingesting.spotify.window(ingesting.slugs[0], ingesting.cloud.clock.now())
    return {play.track.id: play.track for play in window}


def features_in(rows):
    """What the rows say of each track; all rows of a track must say the same."""
    found = {}
    for play in rows:
        part = {name: play[name] for name in (*FEATURES, "features_source")}
        assert found.setdefault(play["track_id"], part) == part
    return found


def landed_features(ingesting, **travel):
    """One run and its rows, loaded."""
    ingesting.travel(**travel)
    slot = SLOT + timedelta(**travel)
    answer = ingesting.run(slot)
    before = ingesting.plays()
    ingesting.load(answer.body["object"])
    return answer, features_in([row for row in ingesting.plays() if row not in before])


def calls(ingesting, path):
    return [call for call in ingesting.cloud.faults.calls if path in call]


def test_off_calls_no_provider(ingesting):
    answer, features = landed_features(ingesting, days=0)
    assert answer.log == []
    assert {tuple(part.values()) for part in features.values()} == {(None,) * 13}
    assert calls(ingesting, "audio-features") == []


def test_spotifys_features_are_matched_by_id_and_an_unknown_track_says_who_was_asked(ingesting):
    choose(ingesting, "spotify")
    tracks = shown_tracks(ingesting)
    answer, features = landed_features(ingesting, days=0)
    assert answer.log == []
    assert {track.features is None for track in tracks.values()} == {True, False}
    assert features == {
        track_id: (asdict(track.features) if track.features else NOTHING) | {"features_source": "spotify"}
        for track_id, track in tracks.items()
    }
    assert len(calls(ingesting, "/v1/audio-features")) == math.ceil(len(tracks) / 100)


def test_reccobeats_features_are_matched_by_link_forty_tracks_a_call(ingesting):
    choose(ingesting, "reccobeats")
    tracks = shown_tracks(ingesting)
    answer, features = landed_features(ingesting, days=0)
    assert answer.log == []
    assert features == {
        track_id: (
            asdict(track.features) | {"time_signature": None} if track.features and track.reccobeats_id else NOTHING
        )
        | {"features_source": "reccobeats"}
        for track_id, track in tracks.items()
    }
    assert len(calls(ingesting, "/reccobeats/v1/audio-features")) == math.ceil(len(tracks) / 40)


def test_what_a_provider_said_before_its_failure_is_kept():
    def fetch(track_ids):
        if "c" in track_ids:
            raise SpotifyUnavailable("status 502")
        return {"a": {"energy": 0.5, "key": 7, "mode": True, "tempo": "fast"}}

    assert fetch_features(Provider("p", 2, fetch), ["a", "b", "c", "d"]) == {
        "a": NOTHING | {"energy": 0.5, "key": 7, "features_source": "p"},
        "b": NOTHING | {"features_source": "p"},
    }


def test_what_lies_outside_a_features_unit_is_null_its_neighbours_are_kept_and_the_log_says_so(capsys):
    absurd = {"energy": 250, "valence": 0.5, "danceability": -3, "tempo": 1e12, "key": 250, "mode": 7, "loudness": -200}
    edges = {"energy": 1, "valence": 0, "tempo": 500, "key": -1, "mode": 0, "loudness": 3.5, "time_signature": 0}

    answers = fetch_features(Provider("p", 2, lambda track_ids: {"a": absurd, "b": edges}), ["a", "b"])

    (entry,) = map(json.loads, capsys.readouterr().out.splitlines())
    lost = {"danceability": 1, "energy": 1, "key": 1, "loudness": 1, "mode": 1, "tempo": 1}
    assert (entry["severity"], entry["provider"], entry["values"]) == ("WARNING", "p", lost)
    assert answers["a"] == {**NOTHING, "valence": 0.5, "features_source": "p"}
    assert answers["b"] == {**NOTHING, **edges, "features_source": "p"}


def test_what_the_warehouse_knows_of_a_track_is_not_asked_again(ingesting):
    choose(ingesting, "spotify")
    _, known = landed_features(ingesting, days=0)
    ingesting.spotify.order("audio_features_closed", times=None, endpoint="audio-features")
    answer, features = landed_features(ingesting, days=5)
    reused = {track_id: part for track_id, part in features.items() if track_id in known}
    assert 0 < len(reused) < len(features)
    assert reused == {track_id: known[track_id] for track_id in reused}
    assert {part["features_source"] for track_id, part in features.items() if track_id not in known} == {None}
    [of_plays] = [entry for entry in answer.log if entry["message"].endswith("the plays land without them")]
    assert of_plays["tracks"] == len(features) - len(reused)


def test_features_are_reused_for_ever_and_a_providers_ignorance_for_thirty_days(ingesting):
    quiet = {"energy": 0.1, "features_source": "spotify"}
    loud = {"energy": 0.9, "features_source": "reccobeats"}
    unknown = {"features_source": "reccobeats"}
    stored = [
        ("known-long-ago-by-another", 300, quiet),
        ("known-twice", 20, quiet),
        ("known-twice", 10, loud),
        ("known-then-unknown", 50, loud),
        ("known-then-unknown", 10, unknown),
        ("unknown-of-late", 29, unknown),
        ("unknown-long-ago", 31, unknown),
        ("unknown-to-another", 1, {"features_source": "spotify"}),
        ("never-requested", 1, {}),
    ]
    rows = [
        row(SLOT - timedelta(days=days), track_id, ingested_at=SLOT - timedelta(days=days), **features)
        for track_id, days, features in stored
    ]
    seed(ingesting.cloud, "plays", rows)

    requested = []
    provider = Provider("reccobeats", 40, lambda track_ids: requested.extend(track_ids) or {})
    tracks = ["new", *dict.fromkeys(track_id for track_id, _, _ in stored)]
    rows = add_features(ingesting.connect().bigquery, RUN, provider, [row(SLOT, track_id) for track_id in tracks])
    assert requested == ["never-requested", "new", "unknown-long-ago", "unknown-to-another"]
    assert rows == [
        row(SLOT, "new", **unknown),
        row(SLOT, "known-long-ago-by-another", **quiet),
        row(SLOT, "known-twice", **loud),
        row(SLOT, "known-then-unknown", **loud),
        row(SLOT, "unknown-of-late", **unknown),
        row(SLOT, "unknown-long-ago", **unknown),
        row(SLOT, "unknown-to-another", **unknown),
        row(SLOT, "never-requested", **unknown),
    ]


def test_a_malformed_track_id_is_sent_to_no_provider_and_its_play_lands_without_features(ingesting):
    requested = []
    provider = Provider("reccobeats", 40, lambda track_ids: requested.extend(track_ids) or {})
    ids = ["good", "two,ids", "a b", "x" * 65, "../me", "\n", "ä"]
    rows = [row(SLOT - timedelta(minutes=minute), track_id) for minute, track_id in enumerate(ids)]

    featured = add_features(ingesting.connect().bigquery, RUN, provider, rows)

    assert requested == ["good"]
    assert [play["features_source"] for play in featured] == ["reccobeats", *[None] * 6]
