"""The plumbing under every server of the laptop cloud."""

import socket
import threading
from urllib.parse import urlsplit

import requests

from localcloud.web import Response, Routes, Server


def test_a_client_that_hangs_up_before_its_answer_leaves_no_traceback_and_the_server_goes_on(capfd):
    asked, gone = threading.Event(), threading.Event()

    def slow(request):
        asked.set()
        gone.wait(10)
        return Response(200, bytes(10_000_000))  # more than a connection buffers

    routes = Routes()
    routes.add("GET", "/slow", slow)
    routes.add("GET", "/quick", lambda request: Response(200, b"here"))
    server = Server("patient", routes).start()
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as impatient:
        impatient.sendall(b"GET /slow HTTP/1.1\r\nHost: laptop\r\n\r\n")
        asked.wait(10)
    serving = [thread for thread in threading.enumerate() if "process_request_thread" in thread.name]
    gone.set()
    for thread in serving:
        thread.join(10)
    assert requests.get(f"{server.url}/quick", timeout=10).content == b"here"
    server.stop()
    assert "Traceback" not in capfd.readouterr().err
