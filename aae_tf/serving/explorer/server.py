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
import threading
import urllib.parse
from collections.abc import Callable, Iterator

from aae_tf.errors import SettingsError
from aae_tf.serving.explorer import pictures, requests
from aae_tf.serving.explorer.model import Model
from aae_tf.serving.explorer.requests import RequestError, to_json

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
        if self.server.is_local and not requests.is_local(host):
            raise RequestError(403, "expected the host to be localhost or 127.0.0.1")
        origin = self.headers.get("Origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != host:
            raise RequestError(403, "expected a page of this server to ask")

    def _page(self):
        return "text/html; charset=utf-8", self.server.page

    def _model(self):
        return "application/json", self.server.described

    def _decode(self):
        asked = requests.json_object(self._body(JSON_BYTES, ("application/json",)))
        codes = requests.parse_codes(asked.get("codes"), self.server.model.latent_dim)
        category = requests.parse_category(asked.get("category", 0), self.server.model.categories)
        with self.server.computing:
            images = self.server.model.decode(codes, category)
            return "application/json", to_json(
                {"images": [pictures.picture_url(i) for i in images]}
            )

    def _encode(self):
        model = self.server.model
        if not model.encodes:
            raise RequestError(404, "this model has no signature 'encode'")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        asked = query.get("category", ["0"])[-1]
        if not (asked.isascii() and asked.isdecimal() and len(asked) < 10):
            raise RequestError(400, "'category': expected a whole number")
        category = requests.parse_category(int(asked), model.categories)
        content = self._body(PICTURE_BYTES, ("image/png", "image/jpeg"))
        with self.server.computing:
            try:
                image = pictures.read_picture(content, model.image_shape)
            except pictures.PictureError as error:
                raise RequestError(400, str(error)) from None
            if query.get("invert") == ["1"]:
                image = 255 - image
            found = model.encode(image, category)
            found["reconstruction"] = pictures.picture_url(found["reconstruction"])
            found["image"] = pictures.picture_url(image)
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
