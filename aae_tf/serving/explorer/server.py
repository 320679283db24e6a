"""The page's server, by werkzeug: a few addresses, every input bounded, no file but the page."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import importlib.resources
import io
import ipaddress
import json
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Sequence
from typing import Any

import numpy as np
from werkzeug.exceptions import HTTPException, abort
from werkzeug.routing import Map, Rule
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from aae_tf.client.model import Refused
from aae_tf.client.outputs import png
from aae_tf.errors import SettingsError
from aae_tf.serving.explorer.model import MOST_CODES, Model
from aae_tf.utils import note, strict_json

PICTURE_BYTES, JSON_BYTES = 10 * 2**20, 2**20
PICTURES = ("image/png", "image/jpeg", "image/bmp", "image/gif")
AT_ONCE = 2  # requests that compute; others wait
PATIENCE = 30  # seconds for which a silent client is waited for, or a turn to compute
REQUEST_SECONDS = 60  # for all that a client sends, however slowly
MOST_CLIENTS = 64  # at a time, each with a thread; others are told to come again
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Explorer:
    """The WSGI application: the page, and what it asks of one model.

    Args:
      model: what is explored.
      local: whether only this machine can reach it, so that other hosts' names are refused.
    """

    def __init__(self, model: Model, local: bool):
        self._model, self._local = model, local
        page = whole_page()
        self._headers = {**HEADERS, "Content-Security-Policy": _policy(page)}
        self._computing = threading.BoundedSemaphore(AT_ONCE)
        described = strict_json(model.describe())
        self._urls = Map(
            [
                Rule("/", methods=["GET"], endpoint=lambda _: Response(page, mimetype="text/html")),
                Rule("/model.json", methods=["GET"], endpoint=lambda _: _json(described)),
                Rule("/held_out.png", methods=["GET"], endpoint=self._sheet),
                Rule("/decode", methods=["POST"], endpoint=self._decode),
                Rule("/encode", methods=["POST"], endpoint=self._encode),
            ],
            merge_slashes=False,
        )

    def __call__(self, environ, start_response):
        request = Request(environ)
        try:
            self._check_sender(request)
            answer, _ = self._urls.bind("localhost").match(request.path, request.method)
            response = answer(request)
        except HTTPException as error:
            response = error.get_response()
            response.data = strict_json({"error": error.description})
            response.content_type = "application/json"
        except (ConnectionError, TimeoutError):  # the client went away
            raise
        except Exception as error:
            response = _json(strict_json({"error": f"the model failed: {type(error).__name__}"}))
            response.status_code = 500
        response.headers.update(self._headers)
        return response(environ, start_response)

    def _check_sender(self, request):
        """Refuses other sites' pages, whether they call this address or have renamed it."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if self._local and not is_local(host):
            abort(403, "expected the host to be localhost or 127.0.0.1")
        try:
            asks = host if origin is None else urllib.parse.urlsplit(origin).netloc
        except ValueError:
            abort(400, "expected Origin to be a page's address")
        if asks != host:
            abort(403, "expected a page of this server to ask")

    def _sheet(self, request):
        if self._model.sheet is None:
            abort(404, "this export came without held-out images")
        return Response(self._model.sheet, mimetype="image/png")

    def _decode(self, request):
        content = json_object(_body(request, JSON_BYTES, "application/json"))
        model = self._model
        codes = parse_codes(content.get("codes"), model.latent_dim, model.codes_at_once)
        category = parse_category(content.get("category", 0), model.categories)
        with self._turn():
            decoded = model.decode(codes, category)
            if not model.of_pictures:
                return _json(strict_json({"features": decoded.reshape(len(codes), -1).tolist()}))
            return _json(strict_json({"images": [picture_url(image) for image in decoded]}))

    def _encode(self, request):
        if not self._model.encodes:
            abort(404, "this model has no signature 'encode'")
        text = request.args.get("category", "0")
        number = int(text) if re.fullmatch("[0-9]{1,9}", text) else None
        category = parse_category(number, self._model.categories)
        content = _body(request, PICTURE_BYTES, *PICTURES)
        with self._turn():
            try:
                image = self._model.read_picture(content)
            except Refused as error:
                abort(400, str(error))
            if request.args.get("invert") == "1":
                image = 255 - image
            answer = self._model.encode(image, category)
            urls = {"image": picture_url(image)}
            urls["reconstruction"] = picture_url(answer["reconstruction"])
            return _json(strict_json({**answer, **urls}))

    @contextlib.contextmanager
    def _turn(self):
        """Within it the request is one of the few that compute."""
        if not self._computing.acquire(timeout=PATIENCE):
            abort(503, "too many requests at a time; expected fewer")
        try:
            yield
        finally:
            self._computing.release()


def _json(text):
    return Response(text, content_type="application/json")


def _body(request, at_most, *kinds):
    """What was sent, if it is of one of the kinds and tells that it has so many bytes at most."""
    if request.mimetype not in kinds:
        abort(415, f"expected Content-Type {' or '.join(kinds)}")
    if request.content_length is None:
        abort(411, "expected the request's length in Content-Length")
    if request.content_length > at_most:
        abort(413, f"the request has {request.content_length} bytes; expected at most {at_most}")
    return request.get_data()


def picture_url(image: np.ndarray) -> str:
    """An image, uint8 `(height, width, 1 or 3)`, as the data URL of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def whole_page() -> bytes:
    """The page with its scripts and style in it, so that a browser asks for nothing else."""
    folder = importlib.resources.files(__package__)

    def within(found):
        element = "style" if found[1] == b"link" else "script"
        content = folder.joinpath(found[2].decode()).read_bytes()
        return f"<{element}>\n".encode() + content + f"</{element}>".encode()

    files = rb'<(link|script) [^>]*?="([a-z]+\.(?:css|js))">(?:</script>)?'
    return re.sub(files, within, folder.joinpath("page.html").read_bytes())


def _policy(page):
    """Lets the page run its own scripts and style, and nothing that got into it."""

    def of(element):
        contents = re.findall(f"<{element}>(.*?)</{element}>".encode(), page, re.DOTALL)
        digests = (hashlib.sha256(content).digest() for content in contents)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {of('script')}; style-src {of('style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, at whatever port a tunnel may give it."""
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object that a request is; BadRequest if it is anything else."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        abort(400, "the request is no JSON that can be read")
    if not isinstance(parsed, dict):
        abort(400, "expected a JSON object")
    return parsed


def parse_codes(value: Any, latent_dim: int, at_most: int = MOST_CODES) -> np.ndarray:
    """Codes of a request, float32 `(n, latent_dim)`; BadRequest if they are anything else."""
    codes = _finite_codes(value, latent_dim, at_most) if isinstance(value, list) else None
    if codes is None:
        shape = f"1 to {at_most} codes of {latent_dim} finite numbers each"
        abort(400, f"'codes': expected a list of {shape}")
    return codes


def _finite_codes(codes, latent_dim, at_most):
    if not 1 <= len(codes) <= at_most:
        return None
    if not all(isinstance(code, list) and len(code) == latent_dim for code in codes):
        return None
    if not all(type(number) in (int, float) for code in codes for number in code):
        return None
    try:
        with np.errstate(over="ignore"):
            array = np.array(codes, np.float64).astype(np.float32)
    except OverflowError:
        return None
    return array if np.isfinite(array).all() else None


def parse_category(value: Any, categories: Sequence[str]) -> int:
    """The number of a category; BadRequest if there is none such."""
    last = max(0, len(categories) - 1)
    if type(value) is not int or not 0 <= value <= last:
        abort(400, f"'category': expected a whole number from 0 to {last}")
    return value


class _UntilDeadline(io.RawIOBase):
    """What a client sends, which is read for so long in all."""

    def __init__(self, connection: socket.socket, seconds: float):
        self._connection, self._deadline = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(left, PATIENCE))
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(PATIENCE)  # for the answer


class Handler(WSGIRequestHandler):
    """One connection, with one request, of which the user's terminal hears nothing."""

    timeout = PATIENCE
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_UntilDeadline(self.connection, REQUEST_SECONDS))

    def run_wsgi(self):
        try:
            urllib.parse.urlsplit(self.path)
        except ValueError:
            self.send_error(400, "Expected an address of this server")
        else:
            super().run_wsgi()

    def version_string(self):
        return "aae_tf"

    def log_request(self, code="-", size="-"):
        """Keeps quiet, also of addresses that can't be parsed."""

    def log(self, type, message, *values):
        """Keeps quiet."""


class Server(ThreadedWSGIServer):
    """Listens at an address and answers for one model.

    Args:
      model: what is explored.
      listening: a socket that is bound.
    """

    def __init__(self, model: Model, listening: socket.socket):
        host, port = listening.getsockname()[:2]
        self.is_local = ipaddress.ip_address(host.partition("%")[0]).is_loopback
        self.url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
        explorer = Explorer(model, self.is_local)
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(host, port, explorer, Handler, fd=listening.fileno())

    def process_request(self, request, client_address):
        """Starts a thread for a client, unless there are too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.sendall(BUSY)
            request.recv(JSON_BYTES)  # else what wasn't read would reset the connection
        self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        """Lets the client's thread be another's afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def log(self, type, message, *values):
        """Keeps quiet of clients that go away; other errors have been answered."""

    def handle_error(self, request, client_address):
        """Keeps quiet, as `log`."""


def make_server(model: Model, host: str, port: int) -> Server:
    """Binds a server without starting it.

    Raises:
      SettingsError: if the host is unknown or the port can't be had.
    """
    unknown = SettingsError("host", host, "a name or address of this machine")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise unknown from None
    try:
        with socket.create_server(address, family=family, backlog=128) as listening:
            return Server(model, listening)
    except PermissionError:
        raise SettingsError("port", port, "a port that you may use, as 8080, or 0") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise unknown from None
        expected = f"a free port, or 0 for any ({error.strerror})"
        raise SettingsError("port", port, expected) from None


def serve(model: Model, host: str, port: int) -> None:
    """Serves the page until interrupted, and prints its address.

    Args:
      model: what is explored.
      host: name or address to listen at.
      port: to listen at; 0 for a free one.

    Raises:
      SettingsError: if the host is unknown or the port can't be had.
    """
    with make_server(model, host, port) as server:
        if not server.is_local:
            note(f"warning: --host={host}: anyone who can reach this machine can use the page")
        print(f"exploring at {server.url} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
        print("ended")
