"""Servers for endpoint teams, on loopback: transformers' own, and one that misbehaves on order."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SERVE = """
import signal, sys
signal.alarm(240)  # it ends in any case, even if the tests are killed
sys.argv = ["transformers", "serve", *sys.argv[1:]]
from transformers.cli.transformers import main
main()
"""


@contextlib.contextmanager
def transformers_serve(model: str) -> Iterator[str]:
    """``transformers serve`` with the model of a folder; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVE, model, "--host", "127.0.0.1", "--port", str(port),
               "--device", "cpu"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _until_healthy(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _until_healthy(process: subprocess.Popen, url: str) -> None:
    for _ in range(900):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        assert process.poll() is None, "the server ended"
        time.sleep(0.1)
    raise AssertionError("the server did not start within 90 seconds")


def completion(text: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as OpenAI's API gives it."""
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": finish,
                     "message": {"role": "assistant", "content": text, **message}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12,
                  "prompt_tokens_details": {"cached_tokens": 4}},
    }


def failure(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": "error", "param": None}}


class Scripted:
    """A server whose answers are a function's.

    Args:
        reply: (number of the request from 0, its body) -> (status, body or bytes[, headers]);
            None never answers.

    Attributes:
        bodies: what was asked, in order.
        keys: the Authorization headers that came with it.
        most: most requests that were in flight together.
    """

    def __init__(self, reply: Callable[[int, dict[str, Any]], tuple | None]):
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.most = self._flying = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer._answer(self, reply)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def _answer(self, handler: BaseHTTPRequestHandler, reply: Callable) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.keys.append(handler.headers.get("authorization", ""))
            self._flying += 1
            self.most = max(self.most, self._flying)
        found = reply(number, body)
        with self._lock:
            self._flying -= 1
        if found is None:
            handler.rfile.read(1)  # until the client goes away
            return
        status, data, *headers = found
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(raw)))
        for name, value in (headers[0] if headers else {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(raw)

    def __enter__(self) -> Scripted:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
