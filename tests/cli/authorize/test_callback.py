import socket
import struct
import threading
from contextlib import closing, contextmanager

import pytest
import requests

from cli.commands.authorize import callback
from cli.console import CliError
from localcloud.processes import free_port


def is_answer(query):
    return query.get("state") == "right"


class Browser:
    """Asks in the background, one after the other; a request that gets no answer is a None among the `answers`."""

    def __init__(self, port):
        self.url, self._answers, self._thread = f"http://127.0.0.1:{port}", [], None

    def asks(self, *paths):
        self._thread = threading.Thread(target=lambda: self._answers.extend(map(self._answer, paths)))
        self._thread.start()

    def _answer(self, path):
        try:
            return requests.get(self.url + path, timeout=30)
        except requests.ConnectionError:
            return None

    def answers(self):
        self._thread.join(timeout=30)
        return self._answers


@pytest.fixture
def port():
    return free_port()


def test_the_first_return_is_settled_and_the_page_says_so(port):
    browser = Browser(port)
    with callback.listening(port, is_answer) as waiting:
        browser.asks("/callback?code=c0de&state=right")
        assert waiting.settle(lambda query: query["code"], 30) == "c0de"
        (page,) = browser.answers()

    assert page.status_code == 200
    assert "The consent is stored" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_a_failure_is_shown_on_the_page_too_and_its_text_is_no_markup(port):
    def fail(query):
        raise CliError("No consent of <b>Anna</b>.")

    browser = Browser(port)
    with callback.listening(port, is_answer) as waiting:
        browser.asks("/callback?error=access_denied&state=right")
        with pytest.raises(CliError, match="No consent"):
            waiting.settle(fail, 30)
        (page,) = browser.answers()

    assert page.status_code == 400
    assert "No consent of &lt;b&gt;Anna&lt;/b&gt;." in page.text


def test_icons_other_paths_and_silent_connections_hold_nothing_up(port):
    browser = Browser(port)
    with callback.listening(port, is_answer) as waiting, closing(socket.create_connection(("127.0.0.1", port))):
        browser.asks("/favicon.ico", "/", "/x?code=1", "/callback?code=c0de&state=right")
        assert waiting.settle(lambda query: dict(query), 30) == {"code": "c0de", "state": "right"}
        assert [page.status_code for page in browser.answers()] == [404, 404, 404, 200]


@contextmanager
def slow_program(port):
    """A connection on which a byte comes now and then, so that no wait for one is ever over."""
    done = threading.Event()
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:

        def drip():
            while not done.wait(0.2):
                connection.sendall(b"x")

        connection.sendall(b"GET /callback?code=")
        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            yield
        finally:
            done.set()
            dripping.join()


@pytest.mark.timeout(60)
def test_a_program_that_sends_slowly_holds_up_neither_the_browser_nor_the_deadline(port):
    browser = Browser(port)
    with callback.listening(port, is_answer) as waiting, slow_program(port):
        browser.asks("/callback?code=c0de&state=right")
        assert waiting.settle(lambda query: query["code"], 30) == "c0de"
        assert [page.status_code for page in browser.answers()] == [200]
    with (
        callback.listening(port, is_answer) as waiting,
        slow_program(port),
        pytest.raises(CliError, match="within 1 s"),
    ):
        waiting.settle(lambda query: None, 1)


def test_a_request_without_the_right_state_is_refused_and_the_listener_still_gets_through(port, capsys):
    browser = Browser(port)
    with callback.listening(port, is_answer) as waiting:
        strangers = ("/callback", "/callback?code=stolen", "/callback?code=stolen&state=wrong")
        browser.asks(*strangers, "/callback?code=c0de&state=right")
        assert waiting.settle(lambda query: query["code"], 30) == "c0de"
        pages = browser.answers()

    assert [page.status_code for page in pages] == [403, 403, 403, 200]
    assert "its `state` is missing or another one. Nothing was stored." in pages[0].text
    assert capsys.readouterr().err.count("Still waiting") == 1


def test_only_the_first_return_counts(port):
    browser, settled = Browser(port), []
    with callback.listening(port, is_answer) as waiting:
        browser.asks("/callback?code=first&state=right", "/callback?code=second&state=right")
        waiting.settle(lambda query: settled.append(query["code"]), 30)

    first, second = browser.answers()
    assert (first.status_code, settled) == (200, ["first"])
    assert second is None or second.status_code == 409


def test_no_return_ends_with_a_sentence_and_a_free_port(port):
    with callback.listening(port, is_answer) as waiting, pytest.raises(CliError, match=r"within 0 s.*--paste"):
        waiting.settle(lambda query: None, 0.05)
    with closing(socket.create_server(("127.0.0.1", port))):
        pass


def test_a_taken_port_is_said_before_the_browser_is_sent_to_spotify(port):
    message = rf"Port {port} of 127\.0\.0\.1 is taken.*127\.0\.0\.1:PORT/callback"
    with (
        closing(socket.create_server(("127.0.0.1", port))),
        pytest.raises(CliError, match=message),
        callback.listening(port, is_answer),
    ):
        raise AssertionError("it must not come this far")


def test_it_listens_on_this_computer_only(port):
    with callback.listening(port, is_answer) as waiting:
        assert waiting.server_address == ("127.0.0.1", port)


def test_a_browser_that_goes_away_does_not_disturb_the_terminal(port, capsys):
    with (
        callback.listening(port, is_answer) as waiting,
        closing(socket.create_connection(("127.0.0.1", port))) as browser,
    ):
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close means reset
        browser.sendall(b"GET /callback?code=c0de&state=right HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        def work(query):
            browser.close()
            return query["code"]

        assert waiting.settle(work, 30) == "c0de"
    assert capsys.readouterr().err == ""
