"""The tools of the explorer's page, in a real browser: pick, zoom, line, save, draw."""

import json

import browser
import numpy as np
import pytest
import tensorflow as tf
import tiny
from browser import pixels
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(browser.find() is None, reason="no chromium with chromedriver is installed"),
]
PICTURE = """
const {width, height} = arguments[0];
return [...arguments[0].getContext('2d').getImageData(0, 0, width, height).data];
"""
PLACE = """
const to = projection(), code = model.held_out.codes[arguments[0]];
return [to.x(code[axes[0]]), to.y(upOf(code))];
"""


def _alone(page):
    """The row of the held-out code that is farthest from all others in the plane."""
    codes = np.array(page.execute_script("return model.held_out.codes"))[:, :2]
    apart = np.linalg.norm(codes[:, None] - codes, axis=-1) + np.diag(np.full(len(codes), np.inf))
    return int(apart.min(0).argmax())


def _at(page, place):
    """A place of the plane, counted from its corner, as the driver counts it, from its centre."""
    width, height = page.execute_script("return [plane.clientWidth, plane.clientHeight]")
    return round(place[0] - width / 2), round(place[1] - height / 2)


def _hover(page, place):
    offset = _at(page, place)
    ActionChains(page, 50).move_to_element_with_offset(page.element("#plane"), *offset).perform()


def _slide(page, name, value):
    page.execute_script(
        "const it = document.getElementById(arguments[0]); it.value = arguments[1]; it.oninput()",
        name,
        value,
    )


def _text(page, name):
    return page.execute_script(f"return document.getElementById('{name}').textContent.trim()")


def _press(page, name):
    page.element(f"#{name}").click()


def _drawn(page, selector, shape):
    data = page.execute_script(PICTURE, page.element(selector))
    return np.array(data).reshape(*shape[:2], 4)[..., : shape[2]]


def _wait_for_file(folder, page, name):
    for _ in range(400):
        if (folder / name).exists():
            return (folder / name).read_bytes()
        page.wait("new Promise((done) => setTimeout(() => done(true), 50))")
    raise AssertionError(f"{name} never came, but {sorted(folder.iterdir())}")


@pytest.fixture
def downloads(window, tmp_path):
    """A folder for what the browser saves."""
    way = {"behavior": "allow", "downloadPath": str(tmp_path)}
    window.execute_cdp_cmd("Browser.setDownloadBehavior", way)
    return tmp_path


def test_held_out_image_and_its_class_are_shown_under_the_mouse(visit):
    page = visit("plain")
    row = _alone(page)
    _hover(page, page.execute_script(PLACE, row))
    page.wait("!document.getElementById('tip').hidden")
    np.testing.assert_array_equal(_drawn(page, "#tip canvas", (8, 8, 1)), tiny.images(20)[row])
    assert _text(page, "tip") == ("top", "middle", "bottom")[row % 3]
    box = "document.getElementById('tip').getBoundingClientRect()"
    assert page.execute_script(f"return {box}.right <= innerWidth && {box}.width > 50")
    _hover(page, (3, 3))
    page.wait("document.getElementById('tip').hidden")


def test_hidden_points_are_neither_shown_nor_picked(visit):
    page = visit("plain")
    row = _alone(page)
    page.element(f"#legend button:nth-child({row % 3 + 1})").click()
    _hover(page, page.execute_script(PLACE, row))
    page.wait("new Promise((done) => setTimeout(() => done(true), 100))")
    assert page.execute_script("return pointedAt !== arguments[0]", row)
    page.element("#plane").send_keys(Keys.ENTER)
    assert page.execute_script("return picked % 3") != row % 3


def test_click_on_a_point_goes_to_its_whole_code(visit, methods):
    page, method = visit("plain"), methods["plain"]
    row = _alone(page)
    page.drag("#plane", _at(page, page.execute_script(PLACE, row)))
    page.wait(f"picked === {row}")
    code, _ = page.settled(method)
    assert code == page.execute_script("return model.held_out.codes[arguments[0]]", row)
    np.testing.assert_array_equal(_drawn(page, "#picked canvas", (8, 8, 1)), tiny.images(20)[row])
    assert _text(page, "picked") == f"held-out image: {('top', 'middle', 'bottom')[row % 3]}"
    page.element("#plane").send_keys(Keys.ESCAPE)
    page.wait("document.getElementById('picked').hidden && picked === null")


@pytest.mark.parametrize("way", ["key", "button"])
def test_nearest_point_is_picked_without_a_mouse_in_all_dimensions_and_its_class(
    visit, methods, way
):
    page, method = visit("classes"), methods["classes"]
    if way == "key":
        page.element("#plane").send_keys(Keys.ENTER)
    else:
        _press(page, "nearest")
    row = page.wait("picked !== null && [picked]")[0]
    codes = np.array(page.execute_script("return model.held_out.codes"))
    start = page.execute_script("return model.ranges.map(middle)")
    to = np.linalg.norm(codes[:, :2] - start[:2], axis=1)
    assert row == to.argmin()
    code, _ = page.settled(method, category=row % 3)
    assert len(code) == 4 and code == codes[row].tolist()


def test_export_without_images_shows_what_the_point_decodes_to(visit, methods):
    page, method = visit("classes"), methods["classes"]
    row = _alone(page)
    _hover(page, page.execute_script(PLACE, row))
    url = page.wait("document.querySelector('#tip img').src")
    code = page.execute_script("return model.held_out.codes[arguments[0]]", row)
    expected = method.decode(tf.constant([code], tf.float32), tf.one_hot([row % 3], 3))
    assert np.abs(pixels(url) - np.round(np.clip(expected, 0, 1) * 255)[0]).max() <= 1
    assert _text(page, "tip").endswith(", decoded")


def test_wheel_zooms_where_the_mouse_is_and_the_view_is_reset(visit):
    page = visit("plain")
    home, place = page.execute_script("return view()"), (200, 150)
    under = "const to = projection(); return [to.fromX(200), to.fromY(150)]"
    before = page.execute_script(under)
    origin = ScrollOrigin.from_element(page.element("#plane"), *_at(page, place))
    ActionChains(page).scroll_from_origin(origin, 0, -300).perform()
    page.wait("zoom")
    ranges = page.execute_script("return view()")
    for (low, high), (first, last) in zip(ranges, home, strict=True):
        assert high - low == pytest.approx((last - first) / 2)
    np.testing.assert_allclose(page.execute_script(under), before, atol=0.02)
    assert page.execute_script("return scrollY") == 0
    # Dragging still moves the point to where the mouse is.
    page.drag("#plane", (0, 0), (40, -30))
    (low, high), _ = ranges
    width = page.execute_script("return projection().width")
    middle = page.execute_script("return projection().fromX(plane.clientWidth / 2)")
    across = page.execute_script("return code[0]")
    assert across == pytest.approx(middle + 40 / width * (high - low), abs=0.02)
    _press(page, "zoom-reset")
    assert page.execute_script("return view()") == home
    assert not page.element("#zoom-reset").is_enabled()


def test_keys_zoom_and_take_the_view_along(visit):
    page = visit("plain")
    home, start = page.execute_script("return [view(), code]")
    page.element("#plane").send_keys("+" * 6)
    (low, high), _ = page.execute_script("return view()")
    assert high - low == pytest.approx((home[0][1] - home[0][0]) / 1.25**6)
    assert low < start[0] < high
    page.element("#plane").send_keys(Keys.SHIFT + Keys.ARROW_RIGHT * 7)
    across = page.execute_script("return code[0]")
    assert high < across <= page.execute_script("return view()[0][1]") + 1e-9
    page.element("#plane").send_keys("0")
    assert page.execute_script("return view()") == home


def test_zoom_has_bounds(visit):
    page = visit("plain")
    spans = "return view().map(([low, high]) => high - low)"
    home = page.execute_script(spans)
    page.execute_script("for (let n = 0; n < 60; n++) zoomBy(2, 0, 0)")
    np.testing.assert_allclose(page.execute_script(spans), np.array(home) / 1000)
    page.execute_script("for (let n = 0; n < 60; n++) zoomBy(0.5, 0, 0)")
    np.testing.assert_allclose(page.execute_script(spans), np.array(home) * 4)


@pytest.mark.parametrize("way", ["shift", "button"])
def test_plane_is_dragged_and_the_point_stays(visit, way):
    page = visit("plain")
    (before, up), code = page.execute_script("return [view(), code]")
    if way == "button":
        _press(page, "pan")
        page.drag("#plane", (0, 0), (50, 20))
    else:
        plane, moves = page.element("#plane"), ActionChains(page, 50)
        moves.key_down(Keys.SHIFT).move_to_element_with_offset(plane, 0, 0).click_and_hold()
        moves.move_to_element_with_offset(plane, 50, 20).release().key_up(Keys.SHIFT).perform()
    width, height = page.execute_script("const to = projection(); return [to.width, to.height]")
    after, now = page.execute_script("return view()")
    np.testing.assert_allclose(
        after, np.array(before) - 50 / width * (before[1] - before[0]), atol=0.02
    )
    np.testing.assert_allclose(now, np.array(up) + 20 / height * (up[1] - up[0]), atol=0.02)
    assert page.execute_script("return code") == code


def test_two_fingers_zoom_and_one_moves_the_point(visit, phone):
    phone(390)
    page = visit("plain")
    page.execute_script("plane.scrollIntoView({block: 'center'})")
    left, top = page.execute_script(
        "const box = plane.getBoundingClientRect(); return [box.left, box.top]"
    )

    def touch(kind, *places):
        points = [{"x": left + x, "y": top + y, "id": n} for n, (x, y) in enumerate(places)]
        event = {"type": kind, "touchPoints": points}
        page.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    code, home = page.execute_script("return [code, view()]")
    touch("touchStart", (150, 150))
    touch("touchStart", (150, 150), (200, 150))
    touch("touchMove", (125, 150), (225, 150))
    touch("touchEnd")
    (low, high), _ = page.wait("zoom && view()")
    assert high - low == pytest.approx((home[0][1] - home[0][0]) / 2, rel=0.02)
    assert page.execute_script("return code") == code
    touch("touchStart", (150, 150))
    touch("touchMove", (180, 140))
    touch("touchEnd")
    expected = page.execute_script("const to = projection(); return [to.fromX(180), to.fromY(140)]")
    np.testing.assert_allclose(page.execute_script("return code"), expected, atol=0.02)
    assert page.execute_script("return document.getElementById('tip').hidden")


def test_grid_is_decoded_anew_for_what_is_looked_at(visit, methods):
    page = visit("plain")
    _press(page, "show-grid")
    page.wait("grid && grid.images.length === 225")
    page.execute_script("zoomBy(4, 1, 1)")
    page.wait("String(grid.seen) === String(view())")
    (left, right), (low, high) = page.execute_script("return view()")
    corner = [left + (right - left) / 30, high - (high - low) / 30]
    images = methods["plain"].decode(tf.constant([corner], tf.float32))
    expected = np.round(np.clip(images, 0, 1) * 255)[0]
    assert np.abs(pixels(page.execute_script("return grid.images[0].src")) - expected).max() <= 1


def _line(page):
    """Sets the line's ends; returns them."""
    ends = []
    for name, (x, y) in (("walk-from", (-1, 0.5)), ("walk-to", (1, -0.5))):
        page.execute_script("moveTo(arguments[0], arguments[1])", x, y)
        ends.append(page.execute_script("return code"))
        _press(page, name)
    page.wait("!document.getElementById('walk-play').disabled")
    return np.array(ends)


def test_line_between_two_points_is_decoded_along_it(visit, methods):
    page = visit("plain")
    first, last = _line(page)
    for share in (0, 0.25, 1):
        _slide(page, "walk-at", share)
        code, _ = page.settled(methods["plain"])
        np.testing.assert_allclose(code, first + share * (last - first), atol=1e-6)
    page.element("#walk-at").send_keys(Keys.ARROW_LEFT)
    assert page.execute_script("return code") != code


def test_line_is_played_and_paused(visit, methods):
    page = visit("plain")
    first, last = _line(page)
    _press(page, "walk-play")
    assert _text(page, "walk-play") == "Pause"
    codes = [page.wait(f"code[0] < {edge} && code.slice()") for edge in (0.8, 0.4, 0)]
    shares = (np.array(codes) - first) / (last - first)
    np.testing.assert_allclose(shares[:, 0], shares[:, 1], atol=1e-6)
    assert (np.diff(shares[:, 0]) < 0).all()  # from the end, where it stood, back
    _press(page, "walk-play")
    assert _text(page, "walk-play") == "Play"
    paused, _ = page.settled(methods["plain"])
    page.wait("new Promise((done) => setTimeout(() => done(true), 300))")
    assert page.execute_script("return code") == paused


def test_whoever_moves_the_point_ends_the_playing(visit, methods):
    page = visit("plain")
    _line(page)
    _press(page, "walk-play")
    page.wait("code[0] < 0.9")
    page.element("#plane").send_keys(Keys.ARROW_UP)
    assert _text(page, "walk-play") == "Play"
    code, _ = page.settled(methods["plain"])
    page.wait("new Promise((done) => setTimeout(() => done(true), 300))")
    assert page.execute_script("return code") == code


def test_line_is_decoded_again_for_another_class(visit, methods):
    page, method = visit("classes"), methods["classes"]
    _line(page)
    page.execute_script("choose(code, 2)")
    page.wait("walk.category === 2")
    page.execute_script("stand(0.5)")
    page.settled(method, category=2)


def test_image_plane_and_code_are_saved(visit, methods, downloads):
    page = visit("plain")
    page.execute_script("moveTo(0.5, -0.25)")
    code, url = page.settled(methods["plain"])
    _press(page, "save-image")
    saved = tf.io.decode_png(_wait_for_file(downloads, page, "model_decoded.png")).numpy()
    np.testing.assert_array_equal(saved, pixels(url))
    _press(page, "save-code")
    told = json.loads(_wait_for_file(downloads, page, "model_code.json"))
    assert told == {"model": "model", "version": "1", "codes": [code]}
    _press(page, "save-plane")
    plane = tf.io.decode_png(_wait_for_file(downloads, page, "model_plane.png")).numpy()
    size = page.execute_script("return [plane.height, plane.width]")
    assert list(plane.shape[:2]) == size and plane[..., 3].min() == 255 and plane[..., 0].std() > 5
    assert _text(page, "said") == "saved model_plane.png"


def test_code_is_copied_as_decode_takes_it(visit):
    page = visit("classes")
    origin = page.execute_script("return location.origin")
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.execute_cdp_cmd("Browser.grantPermissions", {"origin": origin, "permissions": permissions})
    page.execute_script("choose(code, 1)")
    _press(page, "copy-code")
    page.wait("document.getElementById('said').textContent === 'copied the code'")
    told = json.loads(page.execute_script("return navigator.clipboard.readText()"))
    assert told["codes"] == [page.execute_script("return code")]
    assert (told["category"], told["class"]) == (1, "middle")
    answer = page.execute_script(
        "return decode(arguments[0]).then((found) => found.images.length)", told
    )
    assert answer == 1


def test_opacity_of_the_points_is_chosen(visit):
    page = visit("plain")
    everything = page.points_drawn()
    _slide(page, "opacity", 0.05)
    assert page.points_drawn() < everything / 5
    page.element("#opacity").send_keys(Keys.END)
    assert page.points_drawn() >= everything


def _as_seen(page):
    return pixels(page.execute_script("return document.getElementById('original').src"))


def test_drawing_is_encoded_shown_in_the_plane_and_reconstructed(visit, methods):
    page, method = visit("plain"), methods["plain"]
    side = page.execute_script("return document.getElementById('pad').clientWidth")
    page.drag("#pad", (round(-0.3 * side), 0), (0, 0), (round(0.3 * side), 0))
    page.wait("!document.getElementById('found').hidden")
    for _ in range(40):
        seen = _as_seen(page)
        if seen[3:5, 2:6].min() > 60:
            break
        page.wait("new Promise((done) => setTimeout(() => done(true), 50))")
    assert seen[3:5, 2:6].min() > 60 and seen[:2].max() == seen[6:].max() == 0
    code, _ = page.settled(method)
    scaled = seen[np.newaxis].astype(np.float32) / 255
    np.testing.assert_allclose(code, method.encode(scaled)[0], atol=1e-4)
    assert page.execute_script("return own") == code
    rebuilt = pixels(page.execute_script("return document.getElementById('rebuilt').src"))
    expected = np.round(np.clip(method.reconstruct(scaled), 0, 1) * 255)[0]
    assert np.abs(rebuilt - expected).max() <= 1
    _press(page, "clear")
    assert page.execute_script("return own === null && document.getElementById('found').hidden")
    assert (
        _drawn(
            page,
            "#pad",
            (
                *page.execute_script(
                    "const pad = document.getElementById('pad'); return [pad.height, pad.width]"
                ),
                3,
            ),
        ).max()
        == 0
    )


def test_drawing_is_done_by_keys(visit):
    page = visit("plain")
    page.element("#pad").send_keys(Keys.SPACE + Keys.ARROW_UP * 3 + Keys.SPACE)
    page.wait("!document.getElementById('found').hidden")
    assert _text(page, "pen-at") == "Pen up at 4, 1"
    for _ in range(40):
        if (seen := _as_seen(page))[1].max() > 60:
            break
        page.wait("new Promise((done) => setTimeout(() => done(true), 50))")
    assert seen[1:4, 3:5].min() > 20 and seen[6:].max() == 0
    page.element("#pad").send_keys(Keys.ARROW_LEFT * 20)  # the pen is up
    assert _text(page, "pen-at") == "Pen up at 0, 1"


def test_pad_is_for_grey_models_and_images_alone(visit):
    for name, expected in (("plain", True), ("line", False), ("features", False)):
        assert visit(name).element("#pad").is_displayed() == expected


def test_features_are_bars_with_the_columns_names(visit, methods):
    page, method = visit("features"), methods["features"]
    page.execute_script("moveTo(0.7, -0.4)")
    for _ in range(100):
        code, values = page.execute_script("return [code, features]")
        expected = method.decode(tf.constant([code], tf.float32)).numpy()[0]
        if np.allclose(values, expected, atol=1e-4):
            break
        page.wait("new Promise((done) => setTimeout(() => done(true), 50))")
    np.testing.assert_allclose(values, expected, atol=1e-4)
    rows = "[...document.querySelectorAll('#bars tr')]"
    names = page.execute_script(f"return {rows}.map((row) => row.cells[0].textContent)")
    assert names == [f"column {number}" for number in range(14)]
    told = page.execute_script(f"return {rows}.map((row) => row.cells[2].textContent)")
    np.testing.assert_allclose(
        [float(n.replace("\N{MINUS SIGN}", "-")) for n in told], expected, rtol=1e-3
    )
    ranges = np.array(page.execute_script("return model.features.ranges"))
    edges = np.clip(np.stack([np.zeros(14), expected], -1), ranges[:, :1], ranges[:, 1:])
    shares = np.sort((edges - ranges[:, :1]) / np.diff(ranges), axis=-1)
    drawn = page.execute_script(f"""return {rows}.map((row) => {{
        const outer = row.querySelector('.bar').getBoundingClientRect();
        const inner = row.querySelector('.bar div').getBoundingClientRect();
        return [(inner.left - outer.left) / outer.width, inner.width / outer.width];
    }})""")
    np.testing.assert_allclose(np.array(drawn)[:, 0], shares[:, 0], atol=0.02)
    np.testing.assert_allclose(np.array(drawn)[:, 1], np.diff(shares)[:, 0], atol=0.03)
    assert not page.element("#decoded").is_displayed() and not page.element("#own").is_displayed()


def test_line_of_features_is_played_and_saved(visit, downloads):
    page = visit("features")
    first, last = _line(page)
    page.execute_script("stand(0.5)")
    np.testing.assert_allclose(page.execute_script("return code"), (first + last) / 2, atol=1e-6)
    _press(page, "save-code")
    told = json.loads(_wait_for_file(downloads, page, "model_code.json"))
    assert list(told["features"]) == [f"column {number}" for number in range(14)]
    assert list(told["features"].values()) == page.execute_script("return walk.found.features[24]")


@pytest.mark.parametrize("name", ["plain", "classes", "features"])
def test_every_control_has_a_name(visit, name):
    page = visit(name)
    page.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = {"button", "checkbox", "slider", "combobox", "application", "image"}
    found = [
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and node.get("role", {}).get("value") in controls
    ]
    assert len(found) > 12 and all(label for _, label in found), found
    assert ("slider", "opacity") in found and ("button", "Play") in found


def test_tab_reaches_the_plane_and_every_tool(visit):
    page = visit("plain")
    reached, keys = set(), ActionChains(page, 10)
    for _ in range(50):
        keys.send_keys(Keys.TAB).perform()
        reached.add(page.execute_script("return document.activeElement.id"))
    assert reached >= {
        *("plane", "zoom-in", "zoom-out", "pan", "nearest", "opacity", "show-grid", "random"),
        *("walk-from", "walk-to", "save-image", "save-code", "file", "invert", "pad", "clear"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_light_and_dark(visit, scheme):
    page = visit("plain")
    chosen = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})
    try:
        page.wait(f"dark.matches === {'true' if scheme == 'dark' else 'false'}")
        page.execute_script("setEnd(0)")
        shades = page.execute_script(
            "return ['body', 'section', 'button', '#pad'].map((name) => "
            "getComputedStyle(document.querySelector(name)).backgroundColor)"
        )
        sums = [sum(map(int, shade[4:-1].split(","))) for shade in shades]
        assert all((total < 200) == (scheme == "dark") for total in sums[:3]) and sums[3] == 0
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
