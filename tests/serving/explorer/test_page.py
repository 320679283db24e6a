"""The explorer's page in a real browser: move, choose, drop an image, and see what follows."""

import base64

import browser
import numpy as np
import pytest
import tensorflow as tf
import tiny
from browser import pixels
from selenium.webdriver.common.keys import Keys

from aae_tf.serving import explorer

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(browser.find() is None, reason="no chromium with chromedriver is installed"),
]
CHOOSE = """
const it = document.getElementById(arguments[0]);
it.value = arguments[1];
it.onchange({target: it});
"""
DROP = """
const file = new File([Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0))], 'it.png',
                      {type: 'image/png'});
const transfer = new DataTransfer();
transfer.items.add(file);
document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true,
                                                   cancelable: true}));
"""


def test_image_follows_the_point_that_is_dragged(visit, methods):
    page = visit("plain")
    first, before = page.settled(methods["plain"])
    page.drag("#plane", (0, 0), (60, -40), (150, -120))
    (across, up), after = page.settled(methods["plain"])
    assert after != before and across > first[0] + 0.5 and up > first[1] + 0.5
    low, high = page.execute_script("return view()[0]")
    expected = (low + high) / 2 + (150 - 23) / page.execute_script("return projection().width") * (
        high - low
    )
    assert across == pytest.approx(expected, abs=0.02)
    assert f"z1 = {across:.2f}" in page.execute_script(
        "return document.getElementById('code').textContent"
    )


def test_arrow_keys_move_the_point_and_stop_at_the_rim(visit, methods):
    page = visit("plain")
    across, up = page.execute_script("return code")
    span = page.execute_script("const [low, high] = view()[0]; return high - low")
    page.element("#plane").send_keys(Keys.ARROW_RIGHT * 3 + Keys.ARROW_UP)
    moved, _ = page.settled(methods["plain"])
    np.testing.assert_allclose(moved, [across + 0.03 * span, up + 0.01 * span], atol=1e-6)
    page.element("#plane").send_keys(Keys.SHIFT + Keys.ARROW_LEFT * 15)
    at_rim, _ = page.settled(methods["plain"])
    assert at_rim[0] == page.execute_script("return view()[0][0]")


def test_of_many_moves_only_the_newest_is_asked_for(visit, methods, monkeypatch):
    page = visit("plain")
    model, decoded = explorer.Model, []
    decode = model.decode

    def counted(self, codes, category=0):
        decoded.append(codes[-1].tolist())
        return decode(self, codes, category)

    monkeypatch.setattr(model, "decode", counted)
    page.execute_script("for (let n = 0; n <= 200; n++) moveTo(n / 100, 0)")
    code, _ = page.settled(methods["plain"])
    assert code == [2, 0] and decoded[-1] == [2, 0]
    assert len(decoded) <= 3


def test_held_out_codes_are_drawn_by_class_and_can_be_hidden(visit):
    page = visit("plain")
    everything = page.points_drawn()
    assert everything > 50
    assert (
        page.execute_script("return document.getElementById('legend').textContent")
        == "topmiddlebottom"
    )
    page.element("#legend button:nth-child(3)").click()
    assert 0 < page.points_drawn() < everything
    page.element("#show-codes").click()
    assert page.points_drawn() == 0


@pytest.mark.parametrize("way", ["drop", "choose"])
def test_image_that_is_given_shows_its_code_and_reconstruction(visit, methods, tmp_path, way):
    method, page, image = methods["plain"], visit("plain"), tiny.images(3, seed=7)[1]
    content = tf.io.encode_png(image).numpy()
    if way == "drop":
        page.execute_script(DROP, base64.b64encode(content).decode())
    else:
        (tmp_path / "it.png").write_bytes(content)
        page.element("#file").send_keys(str(tmp_path / "it.png"))
    page.wait("!document.getElementById('found').hidden")
    np.testing.assert_array_equal(
        pixels(page.execute_script("return document.getElementById('original').src")), image
    )
    scaled = image[np.newaxis].astype(np.float32) / 255
    expected = np.round(np.clip(method.reconstruct(scaled), 0, 1) * 255)[0]
    rebuilt = pixels(page.execute_script("return document.getElementById('rebuilt').src"))
    assert np.abs(rebuilt - expected).max() <= 1
    code, _ = page.settled(method)
    np.testing.assert_allclose(code, method.encode(scaled)[0], atol=1e-4)


def test_file_that_is_no_picture_is_refused_in_words(visit):
    page = visit("plain")
    page.execute_script(DROP, base64.b64encode(b"not a picture").decode())
    words = page.wait("document.getElementById('message').textContent")
    assert words == "images: expected PNG, JPEG, BMP or GIF pictures"
    # The browser itself notes the answer of status 400.
    assert all("status of 400" in entry for entry in page.complaints())
    page.element("#plane").send_keys(Keys.ARROW_LEFT)
    page.wait("document.getElementById('message').textContent === ''")


def test_class_and_any_two_dimensions_can_be_chosen(visit, methods):
    method, page = methods["classes"], visit("classes")
    _, first = page.settled(method, category=0)
    page.execute_script(CHOOSE, "category", "2")
    _, second = page.settled(method, category=2)
    assert first != second
    page.execute_script(CHOOSE, "across", "3")
    names = "[...document.querySelectorAll('#others span')].map((name) => name.textContent)"
    assert page.execute_script(f"return {names}") == ["z1", "z3"]
    page.execute_script(
        "const it = document.querySelector('#others input'); it.value = 0.75; it.oninput()"
    )
    page.drag("#plane", (0, 0), (80, 80))
    code, _ = page.settled(method, category=2)
    assert code[0] == pytest.approx(0.75, abs=1e-6) and code[3] > 0.2
    page.execute_script(CHOOSE, "up", "3")  # which is the other axis: they change places
    assert page.execute_script("return axes") == [1, 3]


def test_grid_shows_what_the_plane_decodes_to(visit, methods):
    page = visit("plain")
    page.element("#show-grid").click()
    page.wait("grid && grid.images.length === 225")
    left, right = page.execute_script("return view()[0]")
    low, high = page.execute_script("return view()[1]")
    corner = [left + (right - left) / 30, high - (high - low) / 30]
    images = methods["plain"].decode(tf.constant([corner], tf.float32))
    expected = np.round(np.clip(images, 0, 1) * 255)[0]
    assert np.abs(pixels(page.execute_script("return grid.images[0].src")) - expected).max() <= 1


def test_code_of_one_dimension_moves_along_a_line_and_colours_are_kept(visit, methods):
    page = visit("line")
    page.element("#show-grid").click()
    page.wait("grid && grid.images.length === 15")
    page.drag("#plane", (0, 0), (100, 90))
    code, url = page.settled(methods["line"])
    assert len(code) == 1 and code[0] > 0.5
    assert pixels(url).shape == (8, 6, 3)
    assert page.points_drawn() > 0


def test_page_without_held_out_codes_says_so(visit):
    page = visit("bare")
    words = page.execute_script("return document.getElementById('without').textContent")
    assert "came without codes of held-out images" in words
    assert page.execute_script("return document.getElementById('show-codes').parentElement.hidden")
    assert page.points_drawn() == 0


@pytest.mark.parametrize("name", ["plain", "classes", "features"])
@pytest.mark.parametrize("width", [360, 390])
def test_page_fits_a_phone(visit, phone, name, width):
    phone(width)
    page = visit(name)
    page.element("#nearest").click()
    page.wait(f"plane.clientWidth < {width} - 20")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.execute_script("return plane.clientWidth") > 280
    # What is decoded stays in sight, and leaves the plane room.
    height = page.execute_script("return document.getElementById('decoding').offsetHeight")
    assert height < (400 if name == "features" else 240)
