"""The catalogue of tracks: what the API shows, and audio features for what has none, a few tracks an hour."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

import catalogue
from audio_features import FEATURES, Provider
from failures import RateLimited, RequestRefused, SpotifyUnavailable
from tests.ingest.harness import SLOT, expected_row, ingesting_clouds
from tests.ingest.items import RUN, row
from tests.seed import seed

FACTS = ["track_name", "artist_id", "artist_name", "artist_names", "album_id", "album_name", "album_release_date"]
FACTS += ["image_url", "isrc", "duration_ms", "explicit"]
ISRC = "GBAAA9400001"


def store(ingesting, *plays):
    """Each play is a track, days ago, and what its row says; later calls come later."""
    rows = [
        row(
            SLOT - timedelta(days=days, minutes=minute),
            track,
            **({"ingested_at": SLOT - timedelta(days=days)} | values),
        )
        for minute, (track, days, values) in enumerate(plays)
    ]
    seed(ingesting.cloud, "plays", rows)


class Requested(list):
    """A provider, and the ids of each of its calls. `answers`: the record of a track, or what it raises."""

    def __init__(self, name="reccobeats", ids_per_call=40, **answers):
        self.answers, self.provider = answers, Provider(name, ids_per_call, self.fetch)

    def fetch(self, track_ids):
        self.append(list(track_ids))
        found = {track_id: self.answers[track_id] for track_id in track_ids if track_id in self.answers}
        for answer in found.values():
            if isinstance(answer, Exception):
                raise answer
        return found


def fill(ingesting, requested=None, *, days=0, most=40, has_new_plays=False):
    cloud = ingesting.connect()
    cloud = replace(cloud, settings=replace(cloud.settings, catalogue_tracks_per_run=most))
    run = replace(RUN, started_at=SLOT + timedelta(days=days))
    catalogue.fill(cloud, run, None if requested is None else requested.provider, has_new_plays=has_new_plays)


def known(ingesting):
    """The catalogue by track, without what is NULL."""
    rows = ingesting.rows("catalogue", "track_id")
    assert len({each["track_id"] for each in rows}) == len(rows)
    return {each.pop("track_id"): {name: value for name, value in each.items() if value is not None} for each in rows}


def test_a_run_with_new_plays_adds_what_the_api_has_shown_of_stored_ones(tmp_path):
    with ingesting_clouds(tmp_path) as (ingesting,):
        slug = ingesting.slugs[0]
        ingesting.authorize(slug)
        shown = {play.track.id: play for play in ingesting.spotify.window(slug, ingesting.cloud.clock.now())}
        ingesting.load(ingesting.run().body["object"])
        assert known(ingesting) == {}

        ingesting.travel(days=5)
        answer = ingesting.run(SLOT + timedelta(days=5))
        assert (answer.body["state"], [entry["message"] for entry in answer.log]) == (
            "succeeded",
            ["Plays may be missing"],
        )
        assert {track_id: found["isrc"] for track_id, found in known(ingesting).items() if "isrc" in found} == {
            track_id: play.track.isrc for track_id, play in shown.items() if play.track.isrc
        }
        play = next(play for play in shown.values() if play.track.isrc)
        expected = expected_row(play)
        assert known(ingesting)[play.track.id] == {name: expected[name] for name in FACTS}


def test_an_empty_catalogue_is_filled_from_all_plays_and_one_that_is_not_from_the_last_month(ingesting):
    store(ingesting, ("long-ago", 900, {}), ("export", 1, {"source": "export"}))
    fill(ingesting, has_new_plays=True)
    store(ingesting, ("a-year-ago", 365, {}), ("before-weeks-without-plays", 30, {}), ("yesterday", 1, {}))
    fill(ingesting, has_new_plays=True)
    assert known(ingesting).keys() == {"long-ago", "before-weeks-without-plays", "yesterday"}


def test_an_empty_catalogue_is_filled_before_a_provider_is_called(ingesting):
    store(ingesting, ("a", 900, {"track_name": "A"}), ("b", 1, {"source": "export"}))
    fill(ingesting, Requested(b={"energy": 0.5}), most=1)
    assert {track: found.get("track_name") for track, found in known(ingesting).items()} == {"a": "A", "b": None}


def test_the_newest_that_the_api_shows_counts_and_what_it_leaves_out_stays(ingesting):
    store(ingesting, ("t", 2, {"track_name": "Old", "isrc": ISRC}))
    fill(ingesting, has_new_plays=True)
    at = SLOT - timedelta(days=1)
    features = {"energy": 0.5, "time_signature": 4, "features_source": "spotify"}
    store(ingesting, ("t", 1, {"track_name": "New", "album_name": "Album", **features}))
    for _ in range(2):  # a repeat changes nothing
        fill(ingesting, has_new_plays=True)
        assert known(ingesting) == {
            "t": {"track_name": "New", "album_name": "Album", "isrc": ISRC, **features, "features_asked_at": at}
        }


def test_tracks_of_the_last_weeks_come_first_then_the_most_played_within_the_budget(ingesting):
    store(
        ingesting,
        *[("old-favourite", days, {"source": "export"}) for days in (100, 101, 102)],
        *[("old", days, {"source": "export"}) for days in (200, 201)],
        ("older", 300, {}),
        ("new", 1, {}),
        *[("new-favourite", days, {}) for days in (2, 3)],
        ("known", 1, {"energy": 0.5, "features_source": "spotify"}),
        ("two,ids", 1, {}),
    )
    requested = Requested(ids_per_call=2)
    fill(ingesting, requested, most=5, has_new_plays=True)
    assert requested == [["new-favourite", "new"], ["old-favourite", "old"], ["older"]]
    fill(ingesting, requested, most=0)
    assert len(requested) == 3


def test_a_providers_answer_is_kept_with_its_source_and_instant(ingesting):
    record = {"energy": 0.5, "tempo": 120, "key": 7, "isrc": ISRC}
    store(ingesting, ("a", 1, {"source": "export"}))
    requested = Requested(a=record | {"isrc": ISRC.lower()})
    for _ in range(2):
        fill(ingesting, requested)
    assert requested == [["a"]]
    assert known(ingesting) == {
        "a": {**record, "tempo": 120.0, "features_source": "reccobeats", "features_asked_at": SLOT}
    }


def test_that_a_track_is_unknown_is_believed_for_thirty_days_and_of_no_other_provider(ingesting):
    store(ingesting, ("a", 1, {}))
    requested, other = Requested(), Requested("spotify")
    fill(ingesting, requested)
    assert known(ingesting)["a"] == {
        "features_source": "reccobeats",
        "features_asked_at": SLOT,
        "ask_again_at": SLOT + timedelta(days=30),
    }
    fill(ingesting, requested, days=29)
    assert requested == [["a"]]
    fill(ingesting, requested, days=30)
    assert requested == [["a"], ["a"]]
    fill(ingesting, other, days=31)
    assert other == [["a"]]


def test_what_the_api_shows_wins_and_features_that_are_known_stay(ingesting):
    store(ingesting, ("a", 1, {"isrc": "DEBBB2100003"}), ("b", 1, {}))
    fill(ingesting, has_new_plays=True)
    fill(ingesting, Requested(a={"energy": 0.5, "isrc": ISRC}, b={"energy": 0.25, "isrc": ISRC}))
    store(ingesting, ("b", 0, {"isrc": "DEBBB2100004", "features_source": "spotify"}))
    fill(ingesting, has_new_plays=True)
    found = known(ingesting)
    assert [(found[name]["isrc"], found[name]["energy"]) for name in "ab"] == [
        ("DEBBB2100003", 0.5),
        ("DEBBB2100004", 0.25),
    ]
    assert {found[name]["features_source"] for name in "ab"} == {"reccobeats"}


def test_nonsense_and_answers_for_other_tracks_are_left_out(ingesting):
    store(ingesting, ("a", 1, {}), ("b", 1, {}))
    nonsense = {"energy": float("nan"), "valence": 1.5, "tempo": "fast", "isrc": "no ISRC"}
    fill(ingesting, Requested(a=nonsense, b={"energy": 0.5, "valence": -1, "isrc": 7}))
    fill(ingesting, Requested(c={"energy": 0.5}))
    found = known(ingesting)
    assert found["a"].keys() == {"features_source", "features_asked_at", "ask_again_at"}
    assert found["b"] == {"energy": 0.5, "features_source": "reccobeats", "features_asked_at": SLOT}
    assert found.keys() == {"a", "b"}


@pytest.mark.parametrize("failure", [RateLimited(86_400), SpotifyUnavailable("status 502")])
def test_a_provider_in_trouble_is_asked_for_the_same_tracks_again_and_keeps_what_it_said(ingesting, capsys, failure):
    store(ingesting, *[(name, days, {"source": "export"}) for days, name in enumerate("abc", start=1)])
    requested = Requested(ids_per_call=1, a={"energy": 0.5}, b=failure)
    fill(ingesting, requested)
    assert known(ingesting).keys() == {"a"}
    assert f'"tracks": 2, "error_class": "{type(failure).__name__}"' in capsys.readouterr().out
    requested.answers = {}
    fill(ingesting, requested)
    assert requested == [["a"], ["b"], ["b"], ["c"]]


def test_a_call_that_is_refused_makes_room_for_other_tracks_for_a_day(ingesting):
    store(ingesting, *[(name, 1, {}) for name in "abcd"])
    requested = Requested(ids_per_call=2, a=RequestRefused("status 400"))
    fill(ingesting, requested, most=2)
    fill(ingesting, requested, most=2)
    fill(ingesting, requested, most=2, days=1)
    assert requested == [["a", "b"], ["c", "d"], ["a", "b"]]
    assert known(ingesting)["a"] == {
        "features_asked_at": SLOT + timedelta(days=1),
        "ask_again_at": SLOT + timedelta(days=2),
    }


def test_a_catalogue_that_cannot_be_filled_costs_no_run(ingesting):
    ingesting.authorize(*ingesting.slugs)
    ingesting.environment["AUDIO_FEATURES_SOURCE"] = "reccobeats"
    ingesting.restart()
    ingesting.load(ingesting.run().body["object"])
    ingesting.spotify.order("reccobeats_too_many_requests", times=None, retry_after_seconds=99)
    ingesting.travel(days=5)
    answer = ingesting.run(SLOT + timedelta(days=5))
    assert (answer.status, answer.body["state"]) == (200, "succeeded")
    # One call was refused with a long pause; the second would have been for the catalogue.
    reasons = [(entry["error_class"], entry["reason"]) for entry in answer.log if "error_class" in entry]
    not_asked = ("NotAsked", "the service had just asked for a pause")
    assert reasons == [("RateLimited", "a pause of 1 min 39 s"), not_asked]

    ingesting.warehouse.delete_table("listening.catalogue")
    ingesting.travel(days=5)
    answer = ingesting.run(SLOT + timedelta(days=10))
    assert (answer.status, answer.body["rows_new"] > 0) == (200, True)
    assert "The catalogue of tracks could not be filled" in [entry["message"] for entry in answer.log]


def test_the_run_asks_reccobeats_for_forty_tracks_of_an_import(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.environment["AUDIO_FEATURES_SOURCE"] = "reccobeats"
    ingesting.restart()
    tracks = [track for track in ingesting.spotify.catalogue.tracks.values() if track.features and track.reccobeats_id]
    store(ingesting, *[(track.id, 400, {"source": "export"}) for track in tracks[:60]])
    ingesting.run()
    first = known(ingesting)
    assert len(first) == 40
    truth = {track.id: track for track in tracks}
    for track_id, found in first.items():
        features = {name: value for name, value in asdict(truth[track_id].features).items() if name != "time_signature"}
        assert {name: found[name] for name in FEATURES if name in found} == features
