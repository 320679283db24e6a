"""The page's HTTP server: a few fixed addresses, every input bounded, no file but the page."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import http.server
import importlib.resources
import ipaddress
import json
import re
import signal
import socket
import socketserver
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.serving.explorer.model import Model

PICTURE_BYTES, JSON_BYTES = 10 * 2**20, 2**20
AT_ONCE = 2  # requests that compute; others wait
PATIENCE, LINGER = 30, 2  # seconds for which a silent client is waited for; a refused one
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(http.server.ThreadingHTTPServer):
    """Listens at an address and answers for one model.

    Args:
      model: what is explored.
      address: `(host, port)`, resolved.
      family: of the address, as `socket.AF_INET`.
    """

    daemon_threads = True

    def __init__(self, model: Model, address: tuple[str, int], family: int):
        self.address_family = family
        self.model = model
        self.page = importlib.resources.files(__package__).joinpath("page.html").read_bytes()
        self.policy = _policy(self.page)
        self.described = json.dumps(model.describe(), allow_nan=False).encode()
        self.computing = threading.BoundedSemaphore(AT_ONCE)
        self.is_local = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
        super().__init__(address, Handler)

    def server_bind(self):
        """Binds without asking the name service for this machine's name, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request, client_address):
        """Says nothing of clients that go away; other errors have been answered."""

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server
    server_version, sys_version = "aae_tf", ""
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def do_GET(self):
        self._answer({"/": self._page, "/model.json": self._model}, {"/decode", "/encode"}, "POST")

    def do_POST(self):
        self._answer(
            {"/decode": self._decode, "/encode": self._encode}, {"/", "/model.json"}, "GET"
        )

    def log_message(self, format, *values):
        """Keeps quiet: the terminal is the user's."""

    def send_error(self, code, message=None, explain=None):
        """Answers in JSON what the base class finds wrong, as an unknown method."""
        del explain
        self.close_connection = True
        self._send(code, "application/json", to_json({"error": message or self.responses[code][0]}))

    def _answer(self, routes, elsewhere, other_method):
        path = urllib.parse.urlsplit(self.path).path
        try:
            self._check_sender()
            if path in elsewhere:
                raise RequestError(405, f"{path} expects {other_method}")
            if path not in routes:
                raise RequestError(404, "there is no such address")
            kind, content = routes[path]()
            self._send(200, kind, content)
        except RequestError as error:
            # What it sent may not have been read, so nothing can follow on this connection.
            self.close_connection = True
            self._send(error.status, "application/json", to_json({"error": str(error)}))
            self._discard()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            self.close_connection = True
            words = f"the model failed: {type(error).__name__}"
            self._send(500, "application/json", to_json({"error": words}))

    def _check_sender(self):
        """Refuses other sites' pages, whether they call this address or have renamed it."""
        host = self.headers.get("Host", "")
        if self.server.is_local and not is_local(host):
            raise RequestError(403, "expected the host to be localhost or 127.0.0.1")
        origin = self.headers.get("Origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != host:
            raise RequestError(403, "expected a page of this server to ask")

    def _page(self):
        return "text/html; charset=utf-8", self.server.page

    def _model(self):
        return "application/json", self.server.described

    def _decode(self):
        asked = json_object(self._body(JSON_BYTES, ("application/json",)))
        codes = parse_codes(asked.get("codes"), self.server.model.latent_dim)
        category = parse_category(asked.get("category", 0), self.server.model.categories)
        with self.server.computing:
            images = self.server.model.decode(codes, category)
            return "application/json", to_json({"images": [picture_url(i) for i in images]})

    def _encode(self):
        model = self.server.model
        if not model.encodes:
            raise RequestError(404, "this model has no signature 'encode'")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        asked = query.get("category", ["0"])[-1]
        if not (asked.isascii() and asked.isdecimal() and len(asked) < 10):
            raise RequestError(400, "'category': expected a whole number")
        category = parse_category(int(asked), model.categories)
        content = self._body(PICTURE_BYTES, ("image/png", "image/jpeg"))
        with self.server.computing:
            try:
                image = read_picture(content, model.image_shape)
            except PictureError as error:
                raise RequestError(400, str(error)) from None
            if query.get("invert") == ["1"]:
                image = 255 - image
            found = model.encode(image, category)
            found["reconstruction"] = picture_url(found["reconstruction"])
            found["image"] = picture_url(image)
            return "application/json", to_json(found)

    def _body(self, at_most, kinds):
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in kinds:
            raise RequestError(415, f"expected Content-Type {' or '.join(kinds)}")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 20):
            raise RequestError(411, "expected the request's length in Content-Length")
        if int(length) > at_most:
            raise RequestError(413, f"the request has {length} bytes; expected at most {at_most}")
        content = self.rfile.read(int(length))
        if len(content) < int(length):
            raise ConnectionError("the client went away")
        return content

    def _discard(self):
        """Reads what is still coming, within bounds: closing at once would lose the answer."""
        self.connection.settimeout(LINGER)
        left = 2 * PICTURE_BYTES
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (block := self.rfile.read1(1 << 16)):
                left -= len(block)
        except OSError:
            pass

    def _send(self, status, kind, content):
        self.send_response(status)
        self.send_header("Content-Security-Policy", self.server.policy)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def _policy(page):
    """Lets the page run its own script and style, and nothing that got into it."""

    def of(element):
        content = re.search(f"<{element}>(.*?)</{element}>".encode(), page, re.DOTALL)[1]
        return "'sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {of('script')}; style-src {of('style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def make_server(model: Model, host: str, port: int) -> Server:
    """Binds a server without starting it.

    Raises:
      SettingsError: if the host is unknown or the port can't be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SettingsError("host", host, "a name or address of this machine") from None
    try:
        return Server(model, address, family)
    except PermissionError:
        raise SettingsError("port", port, "a port that you may use, as 8080, or 0") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError("host", host, "a name or address of this machine") from None
        raise SettingsError(
            "port", port, f"a free port, or 0 to have one found ({error.strerror})"
        ) from None


def serve(model: Model, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serves the page until interrupted.

    Args:
      model: what is explored.
      host: name or address to listen at.
      port: to listen at; 0 for a free one.
      say: told the address, and a warning if others than this machine can reach it.

    Raises:
      SettingsError: if the host is unknown or the port can't be had.
    """
    with make_server(model, host, port) as server:
        if not server.is_local:
            say(f"warning: --host={host}: anyone who can reach this machine can use the page")
        with _ends_on_signals(server):
            say(f"exploring at {server.url} (Ctrl-C ends it)")
            server.serve_forever()
        say("ended")


@contextlib.contextmanager
def _ends_on_signals(server: Server) -> Iterator[None]:
    """Lets SIGINT and SIGTERM end the server, without an exception, which some places swallow."""

    def end(number, frame):
        del number, frame
        threading.Thread(target=server.shutdown, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


CODES_AT_MOST = 400  # in one request


class RequestError(Exception):
    """A request that gets an answer of 4xx.

    Args:
      status: of the answer.
      reason: in words, for whoever sent it.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def to_json(content: Any) -> bytes:
    """JSON; null for a number that isn't finite."""
    # A network of wild weights may give infinite numbers, for which JSON has no word.
    return json.dumps(_finite(content), allow_nan=False).encode()


def _finite(content):
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def parse_codes(asked: Any, latent_dim: int) -> np.ndarray:
    """Codes of a request, float32 `(n, latent_dim)`; RequestError if they are anything else."""
    shape = f"1 to {CODES_AT_MOST} codes of {latent_dim} finite numbers each"
    wrong = RequestError(400, f"'codes': expected a list of {shape}")
    if not isinstance(asked, list) or not 1 <= len(asked) <= CODES_AT_MOST:
        raise wrong
    for code in asked:
        if not isinstance(code, list) or len(code) != latent_dim:
            raise wrong
        if not all(type(number) in (int, float) for number in code):
            raise wrong
    try:
        with np.errstate(over="ignore"):
            found = np.array(asked, np.float64).astype(np.float32)
    except OverflowError:
        raise wrong from None
    if not np.isfinite(found).all():
        raise wrong
    return found


def parse_category(asked: Any, categories: Sequence[str]) -> int:
    """The number of a category; RequestError if there is none such."""
    if type(asked) is not int or not 0 <= asked < max(1, len(categories)):
        last = max(0, len(categories) - 1)
        raise RequestError(400, f"'category': expected a whole number from 0 to {last}")
    return asked


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object that a request is; RequestError if it is anything else."""
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise RequestError(400, "the request is no JSON that can be read") from None
    if not isinstance(asked, dict):
        raise RequestError(400, "expected a JSON object")
    return asked


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, at whatever port a tunnel may give it."""
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


LARGEST_SIDE = 4096  # pixels of a picture that is read
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class PictureError(ValueError):
    """A picture can't be used; the message says why."""


def read_picture(content: bytes, image_shape: Sequence[int]) -> np.ndarray:
    """A picture as the model wants images: its middle, of the model's proportions, resized.

    Args:
      content: of a PNG or JPEG file; what is transparent becomes white.
      image_shape: `(height, width, channels)`, channels 1 or 3.

    Returns:
      uint8 `image_shape`; the file's own pixels if it has that size.

    Raises:
      PictureError: if it isn't a picture of those kinds, damaged or too large.
    """
    height, width, channels = image_shape
    try:
        # Before any pixel is decoded: a small file can hold a huge picture.
        found = _size(content)
        if not 1 <= min(found) <= max(found) <= LARGEST_SIDE:
            raise PictureError(
                f"the picture has {found[1]} x {found[0]} pixels; expected at most "
                f"{LARGEST_SIDE} x {LARGEST_SIDE}"
            )
        pixels = _decode(content, channels)
    except (tf.errors.OpError, struct.error):
        raise PictureError("the picture is damaged; expected a whole PNG or JPEG file") from None
    pixels = _middle(pixels, height / width)
    if pixels.shape[:2] != (height, width):
        pixels = tf.image.resize(pixels, (height, width), antialias=True).numpy()
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def _size(content):
    """Height and width from the head of the file."""
    if content.startswith(PNG):
        width, height = struct.unpack(">II", content[16:24])
        return height, width
    if content.startswith(JPEG):
        return tuple(tf.io.extract_jpeg_shape(content).numpy()[:2].tolist())
    raise PictureError("not a picture that can be read; expected a PNG or JPEG file")


def _decode(content, channels):
    """float32 `(height, width, channels)` in 0..255."""
    if content.startswith(JPEG):
        return tf.io.decode_jpeg(content, channels=channels).numpy().astype(np.float32)
    pixels = tf.io.decode_png(content, channels=4).numpy().astype(np.float32)
    colours, opaque = pixels[..., :3], pixels[..., 3:] / 255
    colours = colours * opaque + 255 * (1 - opaque)
    if channels == 3 or np.array_equal(colours.min(-1), colours.max(-1)):
        return colours[..., :channels]
    return tf.image.rgb_to_grayscale(colours).numpy()


def _middle(pixels, proportion):
    """The largest part at the centre whose height is so many times its width."""
    height, width = pixels.shape[:2]
    tall = min(height, max(1, round(width * proportion)))
    wide = min(width, max(1, round(height / proportion)))
    top, left = (height - tall) // 2, (width - wide) // 2
    return pixels[top : top + tall, left : left + wide]


def picture_url(image: np.ndarray) -> str:
    """An image, uint8 `(height, width, 1 or 3)`, as the data URL of a PNG."""
    content = tf.io.encode_png(image).numpy()
    return "data:image/png;base64," + base64.b64encode(content).decode()
