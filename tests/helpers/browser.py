"""A headless Chromium for tests of the explorer's page, by selenium."""

from __future__ import annotations

import contextlib
import shutil

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
