"""What the demo says of a table that differs. tests/spark_jobs holds the recount and the job against each other."""

from datetime import UTC, datetime, timedelta

from localcloud.demo.recount import differing_tracks, tracks

AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)


def play(days_ago, track, **values):
    return {
        "listener_id": "ada",
        "played_at": AS_OF - timedelta(days=days_ago),
        "track_id": track,
        "track_name": track.upper(),
        "artist_name": "Somebody",
        "artist_names": "Somebody",
        "album_name": "Something",
        "image_url": None,
        "isrc": None,
        "duration_ms": 60_000,
        "ms_played": None,
        "source": "api",
        **values,
    }


TOLD_OF_A_TRACK = dict.fromkeys(
    ("artist_id", "album_id", "album_release_date", "explicit", "popularity", "danceability", "energy", "speechiness",
     "acousticness", "instrumentalness", "liveness", "valence", "tempo", "features_source")
)  # fmt: skip


def test_rows_that_are_missing_too_many_or_other_are_named_and_the_run_makes_no_difference():
    plays = [play(1, name, **TOLD_OF_A_TRACK) for name in ("good", "missing", "other")]
    good, _, other = tracks(plays, AS_OF)
    found = [good | {"run_id": "x"}, other | {"track_name": "?"}, good | {"track_id": "many"}]
    assert differing_tracks(found, plays, AS_OF) == [("ada", "many"), ("ada", "missing"), ("ada", "other")]
    assert differing_tracks([row | {"run_id": "y"} for row in tracks(plays, AS_OF)], plays, AS_OF) == []
