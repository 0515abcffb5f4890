"""Spotify counts an app's calls: a pause is for all who ask, and a thousand listeners outlast many short ones."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from failures import NotAsked, RateLimited
from localcloud.spotify.errors import ERRORS
from localcloud.web import Response, Routes, Server
from spotify import App, Spotify

PAGE = Response.of_json({"items": []})


class Crowded:
    """A Spotify that answers the calls whose numbers are given with 429, and notes when each call came."""

    def __init__(self, refused, retry_after_seconds):
        self.refused, self.retry_after_seconds, self.came_at = refused, retry_after_seconds, []

    def answer(self, request):
        self.came_at.append(time.monotonic())
        if len(self.came_at) in self.refused:
            return ERRORS["rate_limited"].response(self.retry_after_seconds)
        return PAGE


@pytest.fixture
def asking():
    """From numbers of refused calls and a Retry-After to a Spotify to ask, and the server's notes."""
    servers = []

    def start(refused, retry_after_seconds):
        crowded, routes = Crowded(refused, retry_after_seconds), Routes()
        routes.add("GET", "/v1/me/player/recently-played", crowded.answer)
        servers.append(Server("spotify", routes).start())
        url = servers[-1].url
        return Spotify(requests.Session(), url, url, App("id", "secret")), crowded

    yield start
    for server in servers:
        server.stop()


def outcome(spotify):
    try:
        return spotify.fetch_recently_played("token")
    except (RateLimited, NotAsked) as failure:
        return type(failure)


def test_nobody_asks_while_a_pause_lasts_and_everybody_is_heard_after_it(asking):
    spotify, crowded = asking({1}, 1)
    assert outcome(spotify) == []  # the pause is over
    crowded.refused = {3}
    before = spotify._pauses._ends_at
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(outcome, spotify)
        while spotify._pauses._ends_at == before:
            time.sleep(0.005)
        others = [pool.submit(outcome, spotify) for _ in range(7)]
        assert [future.result() for future in [first, *others]] == [[]] * 8
    assert min(crowded.came_at[3:]) - crowded.came_at[2] >= 1
    assert len(crowded.came_at) == 2 + 1 + 8


def test_three_short_pauses_are_waited_for_and_a_fourth_ends_the_asking(asking):
    spotify, crowded = asking({1, 2, 3, 5, 6, 7, 8}, 0)
    assert outcome(spotify) == []
    assert outcome(spotify) == RateLimited
    assert outcome(spotify) == NotAsked
    assert len(crowded.came_at) == 8


def test_a_pause_of_more_than_half_a_minute_ends_the_asking_at_once(asking):
    spotify, crowded = asking({1}, 31)
    assert [outcome(spotify), outcome(spotify)] == [RateLimited, NotAsked]
    assert len(crowded.came_at) == 1


def test_a_run_does_not_wait_for_ever_however_short_the_pauses_are(asking, monkeypatch):
    monkeypatch.setattr("pauses._MOST_SECONDS_IN_ALL", 2)
    spotify, crowded = asking({1, 3, 5, 7}, 1)
    assert [outcome(spotify) for _ in range(4)] == [[], [], RateLimited, NotAsked]
    assert len(crowded.came_at) == 5
