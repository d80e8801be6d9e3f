"""A local server that gives files well or badly, and an address where nobody listens."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    """/good/ gives a file of the server's, /cut/ half of it, /wrong/ another one, /flaky/ fails once, /together/ waits
    for two to ask; all else is missing."""

    def do_GET(self):
        self.server.asked.append(self.path)
        _, kind, filename = self.path.split("/")
        if kind == "flaky" and self.server.asked.count(self.path) == 1:
            kind = "cut"
        if kind == "together":
            self.server.both.wait(50)
        body = self.server.files[filename]
        bodies = {"good": body, "together": body, "flaky": body, "cut": body[: len(body) // 2], "wrong": body[::-1]}
        if kind not in bodies:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(bodies[kind])

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.fixture
def server():
    """`files`: what it gives, by name; `asked`: the paths that were asked for; `base`: its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.files = [], {}
        server.both = threading.Barrier(2)
        server.base = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def closed():
    """The address of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/"
