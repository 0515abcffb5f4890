import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from tests.localcloud.spotify.caller import NOON, ONE, TWO, calling, listener

ID = "[0-7][0-9A-Za-z]{21}"
ARTIST = {"external_urls", "href", "id", "name", "type", "uri"}
ALBUM = {
    "album_type", "artists", "external_urls", "href", "id", "images", "name", "release_date", "release_date_precision",
    "total_tracks", "type", "uri",
}  # fmt: skip
TRACK = {
    "album", "artists", "disc_number", "duration_ms", "explicit", "external_ids", "external_urls", "href", "id",
    "is_local", "name", "preview_url", "track_number", "type", "uri",
}  # fmt: skip


@pytest.fixture(scope="module")
def app():
    with calling() as caller:
        yield caller


@pytest.fixture(scope="module")
def token(app):
    return app.access_token()


def message(response: requests.Response) -> tuple[int, str]:
    """Status and message of an error; the body must say the status too, and nothing else."""
    assert response.json() == {
        "error": {"status": response.status_code, "message": response.json()["error"]["message"]}
    }
    return response.status_code, response.json()["error"]["message"]


def ms(played_at: str) -> int:
    whole = datetime.strptime(played_at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1000 + whole.microsecond // 1000


def linked(kind: str, thing: dict) -> None:
    """The five fields by which every Spotify object says what and where it is."""
    id_ = thing["id"]
    assert re.fullmatch(ID, id_)
    assert thing["type"] == kind
    assert thing["uri"] == f"spotify:{kind}:{id_}"
    assert thing["href"] == f"https://api.spotify.com/v1/{kind}s/{id_}"
    assert thing["external_urls"] == {"spotify": f"https://open.spotify.com/{kind}/{id_}"}


def test_a_page_has_the_shape_of_development_mode(app, token):
    page = app.page(token, limit="50")

    assert page.keys() == {"href", "limit", "next", "cursors", "items"}
    assert page["href"] == f"{app.url}/v1/me/player/recently-played?limit=50"
    assert page["limit"] == 50
    assert page["cursors"] == {
        "after": str(ms(page["items"][0]["played_at"])),
        "before": str(ms(page["items"][-1]["played_at"])),
    }
    assert page["next"] == f"{app.url}/v1/me/player/recently-played?before={page['cursors']['before']}&limit=50"
    assert len(page["items"]) == 50


def test_every_item_has_exactly_the_fields_of_development_mode(app, token):
    for item in app.page(token, limit="50")["items"]:
        assert item.keys() == {"track", "played_at", "context"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["played_at"])
        track, album = item["track"], item["track"]["album"]
        assert track.keys() == TRACK
        assert album.keys() == ALBUM
        linked("track", track)
        linked("album", album)
        for artist in track["artists"] + album["artists"]:
            assert artist.keys() == ARTIST
            linked("artist", artist)
        assert [(image["height"], image["width"]) for image in album["images"]] == [(640, 640), (300, 300), (64, 64)]
        assert all(image.keys() == {"height", "url", "width"} for image in album["images"])
        assert track["external_ids"].keys() <= {"isrc"}
        assert (track["is_local"], track["preview_url"]) == (False, None)
        assert isinstance(track["explicit"], bool)


def test_a_context_says_where_it_leads_and_liked_songs_are_the_collection(app):
    seen = {}
    for slug in (ONE, TWO):
        for play in app.spotify.truth(slug, NOON - timedelta(days=60), NOON):
            seen.setdefault(play.context and play.context.type, (slug, play))
    for slug, play in seen.values():
        app.clock.set(play.visible_at)
        item = next(
            i for i in app.page(app.access_token(slug), limit="50")["items"] if ms(i["played_at"]) == ms_of(play)
        )
        context = item["context"]
        if play.context is None:
            assert context is None
        elif play.context.type == "collection":
            assert context == {
                "external_urls": {"spotify": "https://open.spotify.com/collection/tracks"},
                "href": "https://api.spotify.com/v1/me/tracks",
                "type": "collection",
                "uri": f"spotify:user:invented-{slug}:collection",
            }
        else:
            linked(play.context.type, context | {"id": context["uri"].split(":")[2]})
            assert context.keys() == {"external_urls", "href", "type", "uri"}
    app.clock.set(NOON)

    assert seen.keys() == {"album", "playlist", "artist", "collection", None}


def ms_of(play) -> int:
    return ms(play.played_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def test_names_travel_as_they_are_in_utf_8(app):
    """The plays of two months hold most of what breaks careless code; none of it is escaped beyond JSON's needs."""
    bodies = b""
    for day in range(0, 60, 2):
        app.clock.set(NOON - timedelta(days=day))
        for slug in app.spotify.listeners:
            bodies += app.get("/v1/me/player/recently-played", app.access_token(slug), limit="50").content
    app.clock.set(NOON)

    seen = [text for text in ("\\n", '\\"', "空", "ع", "ע", "🌂", "🎈", "ü") if text.encode() in bodies]
    assert len(seen) >= 5, seen
    assert b"\\u" not in bodies


def test_plays_come_newest_first_twenty_unless_asked_otherwise(app, token):
    fifty = app.page(token, limit="50")["items"]

    assert all(ms(newer["played_at"]) > ms(older["played_at"]) for newer, older in pairwise(fifty))
    assert app.page(token)["items"] == fifty[:20]
    assert app.page(token)["limit"] == 20
    assert app.page(token, limit="1")["items"] == fifty[:1]


def test_a_listener_who_has_not_begun_has_an_empty_page():
    with calling([listener(begins_on=date(2027, 1, 1))]) as app:
        assert app.page(app.access_token(), limit="50") == {
            "href": f"{app.url}/v1/me/player/recently-played?limit=50",
            "limit": 50,
            "next": None,
            "cursors": None,
            "items": [],
        }


def test_a_late_play_takes_its_place_among_newer_ones_once_it_is_visible():
    with calling([listener(late_share=0.3)]) as app:

        def shown(at: datetime) -> list[int]:
            app.clock.set(at)
            return [ms(item["played_at"]) for item in app.page(app.access_token(), limit="50")["items"]]

        truth = app.spotify.truth(ONE, NOON - timedelta(days=20), NOON)
        late = [play for play in truth if timedelta(hours=1) < play.visible_at - play.played_at < timedelta(hours=5)]
        places = []
        for play in late[:10]:
            before, after = shown(play.visible_at - timedelta(seconds=5)), shown(play.visible_at)
            assert ms_of(play) not in before
            places.append(after.index(ms_of(play)))
            assert after == sorted([*before[:49], ms_of(play)], reverse=True)

        assert max(places) > 5


@pytest.mark.parametrize("limit", ["0", "51", "-1", "ten", "", "1.5", "9" * 30])
def test_a_limit_outside_one_to_fifty_is_refused(app, token, limit):
    answer = app.get("/v1/me/player/recently-played", token, limit=limit)
    assert message(answer) == (400, "Invalid limit")


def test_me_has_the_account_to_link_to(app, token):
    me = app.get("/v1/me", token).json()

    assert me == {
        "account_id": app.spotify.consent(ONE)["account_id"],
        "display_name": "Invented Listener One",
        "external_urls": {"spotify": "https://open.spotify.com/user/invented-listener-one"},
        "href": "https://api.spotify.com/v1/users/invented-listener-one",
        "id": "invented-listener-one",
        "images": [],
        "type": "user",
        "uri": "spotify:user:invented-listener-one",
    }
    assert re.fullmatch(ID, me["account_id"])


def test_a_call_must_bring_a_good_bearer_token(app):
    basic = requests.get(f"{app.url}/v1/me", headers={"Authorization": "Basic abc"}, timeout=10)

    assert message(app.get("/v1/me")) == (401, "No token provided")
    assert message(basic) == (400, "Only valid bearer authentication supported")
    assert message(app.get("/v1/me", "never-given-out")) == (401, "Invalid access token")


def test_plays_need_their_scope_but_ones_own_name_does_not(app):
    token = app.access_token(ONE, "user-top-read")
    assert message(app.get("/v1/me/player/recently-played", token)) == (403, "Insufficient client scope")
    assert app.get("/v1/me", token).status_code == 200


def test_an_apps_own_token_reads_no_plays(app):
    assert message(app.get("/v1/me/player/recently-played", app.app_token())) == (403, "Insufficient client scope")
    assert message(app.get("/v1/me", app.app_token())) == (403, "Insufficient client scope")


def test_what_is_not_imitated_says_so(app, token):
    path = app.get("/v1/me/top/tracks", token)
    parameter = app.get("/v1/me/player/recently-played", token, before="1")
    assert (path.status_code, parameter.status_code) == (501, 501)
    assert "does not imitate GET /v1/me/top/tracks" in path.text
    assert "does not imitate the parameter before" in parameter.text


def test_audio_features_are_closed_by_default_without_a_word(app, token):
    answer = app.get("/v1/audio-features?ids=1", app.app_token())
    assert (answer.status_code, answer.text) == (403, '{"error":{"status":403}}')


@pytest.fixture(scope="module")
def old_app():
    with calling(audio_features_open=True) as caller:
        yield caller


def test_a_hundred_ids_are_allowed_and_no_more(old_app):
    ids = list(old_app.spotify.catalogue.tracks)[:101]
    token = old_app.app_token()

    allowed = old_app.get("/v1/audio-features", token, ids=",".join(ids[:100])).json()["audio_features"]
    assert len(allowed) == 100
    assert old_app.get("/v1/audio-features", token, ids=",".join(ids)).status_code == 400
    assert message(old_app.get("/v1/audio-features", token)) == (400, "invalid id")


def test_reccobeats_leaves_out_what_it_does_not_know_and_keeps_no_order(app):
    tracks = list(app.spotify.catalogue.tracks.values())[:40]
    known = [track.id for track in tracks if track.reccobeats_id and track.features]
    ids = ",".join(track.id for track in tracks)

    content = app.get("/reccobeats/v1/audio-features", ids=ids).json()["content"]
    found = [item["href"].rpartition("/")[2] for item in content]

    assert 0 < len(known) < 40
    assert found != known
    assert sorted(found) == sorted(known)


def test_reccobeats_drops_what_is_over_forty_without_a_word(app):
    known = [t for t in app.spotify.catalogue.tracks.values() if t.reccobeats_id and t.features][:45]

    content = app.get("/reccobeats/v1/audio-features", ids=",".join(track.id for track in known)).json()["content"]

    assert {item["id"] for item in content} == {track.reccobeats_id for track in known[:40]}


def test_reccobeats_wants_ids(app):
    answer = app.get("/reccobeats/v1/audio-features")
    assert (answer.status_code, answer.json()["status"]) == (400, 4001)
