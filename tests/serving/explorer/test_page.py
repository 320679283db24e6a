"""The explorer's page in a real browser: move, choose, drop an image, and see what follows."""

import base64
import threading

import browser
import numpy as np
import pytest
import tensorflow as tf
import tiny
from selenium.webdriver.common.keys import Keys

from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.serving import explorer, held_out
from aae_tf.serving.export import export_saved_model

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(browser.find() is None, reason="no chromium with chromedriver is installed"),
]
NAMES = ("top", "middle", "bottom")
DECODED = "document.getElementById('decoded').src"
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


def _trained(**changes):
    """A method that has learned enough for different codes to look different."""
    rig = tiny.rig(**changes)
    rig.trainer.train(0, 60, 20)
    return rig.method


def _serve(method, folder, with_codes=True):
    split, codes = tiny.split(20), None
    if with_codes:
        height, width, channels = method.image_shape
        images = np.repeat(split.intensities()[:, :height, :width], channels, axis=-1)
        actual = method.encode(images).numpy()
        names = NAMES[: method.num_categories]
        codes = held_out.describe("bars", actual, split.labels, NAMES, names)
    model = explorer.Model(export_saved_model(method, folder / "model", codes))
    server = explorer.make_server(model, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture(scope="module")
def methods():
    """A code of two dimensions, and one of four beside a class."""
    return {
        "plain": _trained(),
        "classes": _trained(experiment="semi_supervised", latent_dim=4, num_labels="30"),
        "line": AdversarialAutoencoder(tiny.settings(latent_dim=1), (8, 6, 3)),
    }


@pytest.fixture(scope="module")
def servers(methods, tmp_path_factory):
    made = {name: _serve(method, tmp_path_factory.mktemp(name)) for name, method in methods.items()}
    made["bare"] = _serve(methods["plain"], tmp_path_factory.mktemp("bare"), with_codes=False)
    yield made
    for server in made.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def visit(window, servers):
    """Opens the page of a server; in the end it must have had nothing to complain of."""

    def opened(name):
        window.get(servers[name].url)
        window.wait(f"{DECODED}.startsWith('data:')")
        return window

    window.complaints()
    yield opened
    assert window.complaints() == []


def _pixels(url):
    return tf.io.decode_png(base64.b64decode(url.partition(",")[2])).numpy().astype(int)


def _settled(page, method, category=None):
    """The page's code, once the image shown is the one that the networks decode it to."""
    for _ in range(100):
        url = page.execute_script(f"return {DECODED}")
        code = page.execute_script("return code")
        one_hot = () if category is None else (tf.one_hot([category], method.num_categories),)
        images = method.decode(tf.constant([code], tf.float32), *one_hot)
        expected = np.round(np.clip(images, 0, 1) * 255)[0]
        if np.abs(_pixels(url) - expected).max() <= 1:
            return code, url
        page.wait("new Promise((done) => setTimeout(() => done(true), 50))")
    raise AssertionError("the image never became that of the code")


def _points_drawn(page):
    """Pixels of the plane that have a colour, as codes of classes have and nothing else."""
    return page.execute_script("""
        paint();
        const {data} = pen.getImageData(0, 0, plane.width, plane.height);
        let count = 0;
        for (let n = 0; n < data.length; n += 4) {
          const [r, g, b] = data.slice(n, n + 3);
          if (data[n + 3] > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40) count++;
        }
        return count;""")


def test_image_follows_the_point_that_is_dragged(visit, methods):
    page = visit("plain")
    first, before = _settled(page, methods["plain"])
    page.drag("#plane", (0, 0), (60, -40), (150, -120))
    (across, up), after = _settled(page, methods["plain"])
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
    moved, _ = _settled(page, methods["plain"])
    np.testing.assert_allclose(moved, [across + 0.03 * span, up + 0.01 * span], atol=1e-6)
    page.element("#plane").send_keys(Keys.SHIFT + Keys.ARROW_LEFT * 15)
    at_rim, _ = _settled(page, methods["plain"])
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
    code, _ = _settled(page, methods["plain"])
    assert code == [2, 0] and decoded[-1] == [2, 0]
    assert len(decoded) <= 3


def test_held_out_codes_are_drawn_by_class_and_can_be_hidden(visit):
    page = visit("plain")
    everything = _points_drawn(page)
    assert everything > 50
    assert (
        page.execute_script("return document.getElementById('legend').textContent")
        == "topmiddlebottom"
    )
    page.element("#legend button:nth-child(3)").click()
    assert 0 < _points_drawn(page) < everything
    page.element("#show-codes").click()
    assert _points_drawn(page) == 0


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
        _pixels(page.execute_script("return document.getElementById('original').src")), image
    )
    scaled = image[np.newaxis].astype(np.float32) / 255
    expected = np.round(np.clip(method.reconstruct(scaled), 0, 1) * 255)[0]
    rebuilt = _pixels(page.execute_script("return document.getElementById('rebuilt').src"))
    assert np.abs(rebuilt - expected).max() <= 1
    code, _ = _settled(page, method)
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
    _, first = _settled(page, method, category=0)
    page.execute_script(CHOOSE, "category", "2")
    _, second = _settled(page, method, category=2)
    assert first != second
    page.execute_script(CHOOSE, "across", "3")
    names = "[...document.querySelectorAll('#others span')].map((name) => name.textContent)"
    assert page.execute_script(f"return {names}") == ["z1", "z3"]
    page.execute_script(
        "const it = document.querySelector('#others input'); it.value = 0.75; it.oninput()"
    )
    page.drag("#plane", (0, 0), (80, 80))
    code, _ = _settled(page, method, category=2)
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
    assert np.abs(_pixels(page.execute_script("return grid.images[0].src")) - expected).max() <= 1


def test_code_of_one_dimension_moves_along_a_line_and_colours_are_kept(visit, methods):
    page = visit("line")
    page.element("#show-grid").click()
    page.wait("grid && grid.images.length === 15")
    page.drag("#plane", (0, 0), (100, 90))
    code, url = _settled(page, methods["line"])
    assert len(code) == 1 and code[0] > 0.5
    assert _pixels(url).shape == (8, 6, 3)
    assert _points_drawn(page) > 0


def test_page_without_held_out_codes_says_so(visit):
    page = visit("bare")
    words = page.execute_script("return document.getElementById('without').textContent")
    assert "came without codes of held-out images" in words
    assert page.execute_script("return document.getElementById('show-codes').parentElement.hidden")
    assert _points_drawn(page) == 0


def test_page_fits_a_phone(visit):
    page = visit("classes")
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.wait("plane.clientWidth < 340")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        assert page.execute_script("return plane.clientWidth") > 280
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
