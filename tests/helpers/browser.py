"""A headless Chromium for tests of the explorer's page, by selenium."""

from __future__ import annotations

import base64
import contextlib
import shutil

import numpy as np
import tensorflow as tf
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

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
    "--window-size=1200,900",
)
DECODED = "document.getElementById('decoded').src"


def pixels(url):
    """The image of a data URL, signed."""
    return tf.io.decode_png(base64.b64decode(url.partition(",")[2])).numpy().astype(int)


def find() -> tuple[str, str] | None:
    """Paths of the browser and its driver, if both are installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextlib.contextmanager
def opened(folder):
    """A browser with a fresh profile in `folder`, ended with all its processes."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver = find()
    for argument in (*ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With the driver's path selenium looks for none elsewhere.
    browser = Browser(options, webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


class Browser(webdriver.Chrome):
    """Selenium's browser with what the tests do again and again."""

    def wait(self, expression, seconds=20):
        """Waits until a JavaScript expression is true; returns its value."""
        message = f"never true: {expression}"
        return WebDriverWait(self, seconds, 0.05).until(
            lambda _: self.execute_script(f"return {expression}"), message
        )

    def element(self, selector):
        return self.find_element(By.CSS_SELECTOR, selector)

    def drag(self, selector, start, *points):
        """Presses at (x, y), pixels from an element's centre, moves over others and lets go."""
        element, actions = self.element(selector), ActionChains(self, 50)
        actions.move_to_element_with_offset(element, *start).click_and_hold()
        for point in points:
            actions.move_to_element_with_offset(element, *point)
        actions.release().perform()

    def complaints(self):
        """Errors on the console since the last call, refusals by the page's policy among them."""
        return [entry["message"] for entry in self.get_log("browser") if entry["level"] == "SEVERE"]

    def settled(self, method, category=None):
        """The page's code and image, once that is what the networks decode the code to."""
        for _ in range(100):
            url = self.execute_script(f"return {DECODED}")
            code = self.execute_script("return code")
            one_hot = () if category is None else (tf.one_hot([category], method.num_categories),)
            images = method.decode(tf.constant([code], tf.float32), *one_hot)
            expected = np.round(np.clip(images, 0, 1) * 255)[0]
            if np.abs(pixels(url) - expected).max() <= 1:
                return code, url
            self.wait("new Promise((done) => setTimeout(() => done(true), 50))")
        raise AssertionError("the image never became that of the code")

    def points_drawn(self):
        """Pixels of the plane that have a colour, as codes of classes have and nothing else."""
        return self.execute_script("""
            paint();
            const {data} = pen.getImageData(0, 0, plane.width, plane.height);
            let count = 0;
            for (let n = 0; n < data.length; n += 4) {
              const [r, g, b] = data.slice(n, n + 3);
              if (data[n + 3] > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40) count++;
            }
            return count;""")
