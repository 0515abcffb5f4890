"""An owner at the command line: a cloud and an invented Spotify in this process, a browser, and what is shown."""

import json
import os
import threading
import webbrowser
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import psutil
import requests

from cli.command_line import main
from localcloud import processes
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.listeners.listeners import invented_listeners
from localcloud.web import Server
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import FaultySpotify

ONE, TWO, THREE = "listener-one", "listener-two", "listener-three"
ANY_PORT = "http://127.0.0.1/callback"


class Output(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out, self.err
        return json.loads(self.out)


class Person:
    """Opens the consent page and presses a button on it; `pages`: what came back in the end.

    `open` returns once the last page has come, as with a text browser or with BROWSER="chromium %s".
    """

    def __init__(self, slug, decision="agree", detour=lambda url: url):
        self._slug, self._decision, self._detour = slug, decision, detour
        self.asked_at, self.pages = None, []
        self._thread = None

    def open(self, url):
        self.asked_at, self._thread = url, threading.current_thread()
        address = self._detour(self.address_after(url))
        requests.get(address.replace("/callback", "/favicon.ico"), timeout=10)
        page = requests.get(address, timeout=30)
        self.pages.append((page.status_code, page.text))
        return True

    def address_after(self, url):
        """Where Spotify sends the browser once the button is pressed."""
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        form = parameters | {"listener": self._slug, "decision": self._decision}
        return requests.post(url.split("?")[0], data=form, allow_redirects=False, timeout=10).headers["Location"]

    def done(self):
        self._thread.join(timeout=30)
        return self.pages


class Owner:
    def __init__(self, directory, cloud, spotify, environ, monkeypatch):
        self.directory, self.cloud, self.spotify, self.environ = directory, cloud, spotify, environ
        self._patch = monkeypatch
        self.project = environ["GOOGLE_CLOUD_PROJECT"]

    def types(self, capsys, *arguments, laptop=True):
        """Run a command; with `laptop` at the running laptop cloud, else with the settings in the environment."""
        where = ["--laptop", str(self.directory)] if laptop else []
        capsys.readouterr()
        try:
            code = main([*arguments, *where], {} if laptop else self.environ)
        except SystemExit as end:  # argparse
            code = end.code
        return Output(code, *capsys.readouterr())

    def authorizes(self, capsys, listener, person, *options, laptop=True):
        """The command with a person at the browser."""
        self._patch.setattr(webbrowser, "open", person.open)
        port = str(processes.free_port())
        output = self.types(capsys, "authorize", listener, "--port", port, *options, laptop=laptop)
        if person.asked_at:
            person.done()
        return output

    def knows_app(self, **changes):
        secrets.store_app(self.cloud, self.spotify, **changes)

    def store(self, secret, payload, labels=None):
        secrets.store(self.cloud, secret, payload, labels)

    def has_listener(self, slug, **payload):
        """A listener who agreed before, as authorize leaves it behind."""
        secrets.consent(self.cloud, self.spotify, slug, **payload)

    def secret(self, name):
        return json.loads(secrets.payloads(self.cloud, name)[-1])

    def versions(self, name):
        return secrets.versions(self.cloud, name)


@contextmanager
def owning(directory, monkeypatch, *, forgetful=True):
    """At real time. The app may be sent back to any port of 127.0.0.1. `forgetful`: as of LaptopCloud."""
    with LaptopCloud(directory, forgetful=forgetful) as cloud:
        spotify = FaultySpotify(cloud.clock, 1, invented_listeners(3), redirect_uri=ANY_PORT)
        server = Server("spotify", spotify.routes, cloud.faults).start()
        urls = {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
        environ = {**cloud.environment, **urls}
        state = {
            "settings": environ,
            "addresses": {"google": cloud.url},
            "supervisor": os.getpid(),
            "supervisor_command": psutil.Process().cmdline(),
        }
        (directory / "environment.json").write_text(json.dumps(state))
        for name in ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        yield Owner(directory, cloud, spotify, environ, monkeypatch)
        server.stop()
