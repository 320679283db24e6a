"""A headless Chromium, driven through chromedriver by the WebDriver protocol: no package needed."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the W3C gave references to elements
KEYS = {"left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015", "shift": "\ue008"}
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--hide-scrollbars",
)


def find() -> tuple[str, str] | None:
    """Paths of the browser and its driver, if both are installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextlib.contextmanager
def opened(folder, width=1200, height=900):
    """A browser with a fresh profile in `folder`, ended with all its processes."""
    binary, driver = find()
    with open(folder / "chromedriver.log", "w") as log:
        process = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        port = _port(process)
        arguments = [*ARGUMENTS, f"--user-data-dir={folder}", f"--window-size={width},{height}"]
        browser = Browser(f"http://127.0.0.1:{port}", binary, arguments)
        try:
            yield browser
        finally:
            browser.quit()
    finally:
        process.terminate()
        process.wait(timeout=10)


def _port(process):
    for line in process.stdout:
        if "started successfully on port" in line:
            return int(line.rstrip(". \n").rpartition(" ")[2])
    raise RuntimeError("chromedriver doesn't start")


class Browser:
    """One session; JavaScript in, what it returns out."""

    def __init__(self, driver, binary, arguments):
        self._url = f"{driver}/session"
        options = {"binary": binary, "args": arguments}
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        started = self._call("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._url += "/" + started["sessionId"]

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Runs the body of a function and gives what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, expression, seconds=20):
        """Waits until an expression is true; returns its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(f"return {expression}")):
            assert time.monotonic() < deadline, f"never true: {expression}; {self.complaints()}"
            time.sleep(0.05)
        return value

    def element(self, selector):
        found = self._call("POST", "/element", {"using": "css selector", "value": selector})
        return found[ELEMENT]

    def type(self, selector, text):
        """Types into an element; a path into an input for files chooses that file."""
        self._call("POST", f"/element/{self.element(selector)}/value", {"text": text})

    def click(self, selector):
        self._call("POST", f"/element/{self.element(selector)}/click", {})

    def drag(self, selector, *places):
        """Presses at the first of some places, moves over the others and lets go.

        Args:
          selector: of an element.
          places: (x, y), pixels from its centre.
        """
        origin = {ELEMENT: self.element(selector)}
        moves = [
            {"type": "pointerMove", "duration": 50, "origin": origin, "x": x, "y": y}
            for x, y in places
        ]
        actions = [
            moves[0],
            {"type": "pointerDown", "button": 0},
            *moves[1:],
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "actions": actions}
        self._call("POST", "/actions", {"actions": [pointer]})

    def screenshot(self) -> bytes:
        return base64.b64decode(self._call("GET", "/screenshot"))

    def devtools(self, command, **parameters):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def complaints(self):
        """Errors on the console since the last call, refusals by the page's policy among them."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def quit(self):
        self._call("DELETE", "")

    def _call(self, method, path, content=None):
        request = urllib.request.Request(
            self._url + path,
            None if content is None else json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None
