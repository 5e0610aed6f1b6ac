"""Real servers on 127.0.0.1: an S3-compatible object store, and a web server that fails on purpose."""

from __future__ import annotations

import io
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.dataset import Dataset, Images


def image_bytes(value: int) -> bytes:
    """Return a small PNG; different values give different bytes."""
    pixels = np.full((12, 12, 3), value % 256, dtype=np.uint8)
    pixels[0, 0] = value // 256
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def images(dataset: Dataset) -> Images:
    """Return the content of a dataset of images."""
    assert isinstance(dataset.content, Images)
    return dataset.content


class Bucket:
    """A bucket of the object store, and what was asked of it."""

    def __init__(self, client, requests):
        self.client, self.requests = client, requests
        self.url = "s3://pets"

    def put(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            self.client.put_object(Bucket="pets", Key=name, Body=data)
        self.requests.clear()

    def downloads(self) -> list[str]:
        """Return the objects whose bytes were asked for."""
        return [path for method, path in self.requests if method == "GET" and path.count("/") > 1]


@pytest.fixture(scope="session")
def s3_server():
    """Yield the endpoint of an S3 server, and the list of its requests as (method, path)."""
    server = pytest.importorskip("moto.server", reason="needs moto[server] of the test extra")
    pytest.importorskip("s3fs", reason="needs s3fs of the test extra")
    from werkzeug.serving import make_server

    app = server.DomainDispatcherApplication(server.create_backend_app)
    requests: list[tuple[str, str]] = []

    def counted(environ, start_response):
        requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        return app(environ, start_response)

    http = make_server("127.0.0.1", 0, counted, threaded=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.port}", requests
    http.shutdown()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """Return an empty bucket; s3:// leads to it, whoever opens it."""
    import boto3

    endpoint, requests = s3_server
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pets")
    requests.clear()
    yield Bucket(client, requests)
    for item in client.list_objects_v2(Bucket="pets").get("Contents", []):
        client.delete_object(Bucket="pets", Key=item["Key"])
    client.delete_bucket(Bucket="pets")


class Web:
    """A web server: files, and how often each path fails before it succeeds."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failures: Counter[str] = Counter()  # answers of 503 still to give
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, range
        self.url = ""
        self.knows_ranges = True

    def gets(self, path: str) -> int:
        return sum(1 for method, asked, _ in self.requests if (method, asked) == ("GET", path))


@pytest.fixture
def web():
    """Yield a web server that fails on purpose."""
    pytest.importorskip("aiohttp", reason="needs aiohttp, which s3fs of the test extra brings")
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self._answer(with_body=False)

        def do_GET(self):
            self._answer(with_body=True)

        def log_message(self, *args):
            pass

        def _answer(self, *, with_body):
            path, wanted = self.path.partition("?")[0], self.headers.get("Range")
            state.requests.append((self.command, path, wanted))
            data = state.files.get(path)
            if data is None:
                return self._send(404, b"")
            if with_body and state.failures[path] > 0:
                state.failures[path] -= 1
                return self._send(503, b"")
            size = len(data)
            if wanted and state.knows_ranges:
                first, last = (int(x) for x in wanted.removeprefix("bytes=").split("-"))
                return self._send(
                    206, data[first : last + 1], with_body, **{"Content-Range": f"bytes {first}-{last}/{size}"}
                )
            return self._send(200, data, with_body)

        def _send(self, status, data, with_body=True, **headers):
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hash(data)}"')
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(data)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
