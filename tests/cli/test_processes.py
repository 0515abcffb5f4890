"""The commands as processes against a whole laptop cloud; consent once by hand, once by a real browser."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import sync_playwright

from localcloud import chromium, processes, supervisor
from localcloud.clock import Clock
from localcloud.listeners.listeners import invented_listeners
from localcloud.spotify.server import Spotify
from localcloud.web import Server
from tests.cli.harness import ANY_PORT, ONE, TWO, Person

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).parent / "import_history" / "exports" / "Streaming_History_Audio_2023-2024_7.json"
pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


class Terminal:
    """Where the owner types; nothing of the owner's own environment gets in."""

    def __init__(self, laptop, app, home):
        self.laptop, self.app, self.home = laptop, app, home
        (home / ".netrc").write_text("default login ania password of-ania\n")

    def types(self, *arguments, **environ):
        return self._start(*arguments, **environ).communicate(timeout=240)

    @contextmanager
    def authorizing(self, listener):
        """The command while it waits, and the address it shows."""
        port = str(processes.free_port())
        environ = {"SPOTIFY_CLIENT_ID": self.app.client_id, "SPOTIFY_CLIENT_SECRET": self.app.client_secret}
        process = self._start("authorize", listener, "--port", port, "--no-browser", "--json", **environ)
        try:
            yield process, next(line.strip() for line in process.stderr if "/authorize?" in line)
        finally:
            process.kill()

    def _start(self, *arguments, **environ):
        command = [sys.executable, "-m", "cli", *arguments, "--laptop", str(self.laptop.directory)]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            # Nothing answers at the proxy's port.
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "HTTP_PROXY": "http://127.0.0.1:9", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    spotify = Spotify(Clock(), 1, invented_listeners(3), redirect_uri=ANY_PORT)
    server = Server("spotify", spotify.routes).start()
    urls = {"SPOTIFY_ACCOUNTS_URL": server.url, "SPOTIFY_API_URL": server.url}
    plan = supervisor.Plan(tmp_path_factory.mktemp("laptop"), simulate_spotify=False, settings=urls)
    with supervisor.running(plan) as (laptop, _):
        yield Terminal(laptop, spotify.app, tmp_path_factory.mktemp("home"))
    server.stop()


@pytest.fixture
def page():
    """A page of a real browser without cookies."""
    path = chromium.find()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_a_listener_agrees_in_a_real_browser(terminal, page):
    with terminal.authorizing(TWO) as (process, url):
        page.goto(url)
        page.get_by_label("Sign in as").select_option(label="Invented Listener Two")
        page.get_by_role("button", name="Agree").click()
        page.wait_for_url("http://127.0.0.1:*/callback?*")
        heading, text = page.locator("h1").inner_text(), page.locator("p").inner_text()
        out, err = process.communicate(timeout=30)

    assert heading == "Thank you"
    assert text == "The consent is stored. You can close this page and go back to the terminal."
    assert (process.returncode, err.count("Traceback")) == (0, 0)
    assert json.loads(out)["display_name"] == "Invented Listener Two"
    assert terminal.app.client_secret not in out + err


def test_a_run_and_an_import_are_followed_to_the_top_ten_and_shown_everywhere(terminal):
    with terminal.authorizing(ONE) as (process, url):
        requests.get(Person(ONE).address_after(url), timeout=30)
        process.communicate(timeout=30)

    followed, progress = terminal.types("run-now", "--json")
    run = json.loads(followed)
    steps = [(step["step"], step["state"]) for step in run["steps"]]
    assert steps == [(step, "succeeded") for step in ("ingest", "load", "transform", "top_tracks")], progress
    assert run["state"] == "succeeded"

    listed = json.loads(terminal.types("runs", "--json")[0])
    assert [(row["run_id"], row["step"]) for row in listed] == [(run["run_id"], step) for step, _ in reversed(steps)]

    imported, progress = terminal.types("import", ONE, str(EXAMPLE), "--anyway", "--json")
    account = json.loads(imported)
    assert (account["rows"], account["new"], account["repeats"]) == (8, 3, 1), progress
    steps = [(step["step"], step["state"]) for step in account["steps"]]
    assert steps == [(step, "succeeded") for step in ("import", "load", "transform", "top_tracks")], progress

    one = next(row for row in json.loads(terminal.types("listeners", "--json")[0]) if row["listener"] == ONE)
    assert (one["state"], one["plays"], one["last_error"]) == ("ok", 53, None)
    assert 180 <= one["consent_days_left"] <= 184
