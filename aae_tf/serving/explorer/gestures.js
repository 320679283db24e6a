"use strict";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const NEAR = 10, STILL = 4; // pixels: from a point to be meant; moved at most by a click
let picked = null, sheet = null; // a row of the held-out codes; one picture of their images

/* The held-out code that is drawn nearest to a place of the plane, or null if none is so near. */
function nearestTo(x, y, near) {
  if (!model.held_out || !$("show-codes").checked) return null;
  const { codes, labels } = model.held_out, to = projection();
  let found = null, least = near ** 2;
  codes.forEach((point, row) => {
    if (labels && hiddenClasses.has(labels[row])) return;
    const far = (to.x(point[axes[0]]) - x) ** 2 + (to.y(upOf(point)) - y) ** 2;
    if (far < least) [found, least] = [row, far];
  });
  return found;
}

const classOf = (row) => {
  const { labels, class_names: names } = model.held_out;
  return labels ? names[labels[row]] ?? String(labels[row]) : null;
};

/* Where the decoder takes a class, that of a held-out image, if the classes are the data's. */
const categoryOf = (row) => {
  const n = model.categories.indexOf(classOf(row));
  return n < 0 ? category : n;
};

async function loadSheet() {
  const answer = await fetch("/held_out.png");
  if (answer.ok) sheet = await createImageBitmap(await answer.blob());
}

/* Draws a held-out image into a canvas; false if the export came without them. */
function paintHeldOut(row, canvas) {
  if (!sheet) return false;
  const { height, width, columns } = model.held_out.tile;
  Object.assign(canvas, { height, width });
  const [left, top] = [(row % columns) * width, Math.floor(row / columns) * height];
  canvas.getContext("2d").drawImage(sheet, left, top, width, height, 0, 0, width, height);
  return true;
}

const askTip = newestOnly(decode, (found, asked) => {
  if (found && asked.row === pointedAt) $("tip").querySelector("img").src = found.images[0];
});

/* Shows the held-out image beside the pointer; of an export without them what its code decodes to. */
let pointedAt = null;
function hover(row) {
  if (row === pointedAt) return;
  pointedAt = row;
  const tip = $("tip"), [canvas, image, words] = tip.children;
  tip.hidden = row === null;
  if (row === null) return;
  canvas.hidden = !paintHeldOut(row, canvas);
  image.hidden = !canvas.hidden || Boolean(model.features);
  if (!image.hidden) {
    image.removeAttribute("src");
    askTip({ codes: [model.held_out.codes[row]], category: categoryOf(row), row });
  }
  words.textContent = [classOf(row), image.hidden ? null : "decoded"].filter((word) => word !== null).join(", ");
  tip.hidden = canvas.hidden && image.hidden && !words.textContent;
  const to = projection(), code = model.held_out.codes[row], x = to.x(code[axes[0]]), y = to.y(upOf(code));
  // On the side where there is room.
  const isRight = x > plane.clientWidth / 2, isLow = y > plane.clientHeight / 2;
  tip.style.left = isRight ? "" : `${x + 14}px`;
  tip.style.right = isRight ? `${plane.clientWidth - x + 14}px` : "";
  tip.style.top = isLow ? "" : `${y + 14}px`;
  tip.style.bottom = isLow ? `${plane.clientHeight - y + 14}px` : "";
}

/* Goes to a held-out image's own code, in all dimensions, and shows it beside what that decodes to. */
function pick(row) {
  if (row === null) return;
  picked = row;
  const [canvas, words] = $("picked").children, name = classOf(row);
  canvas.hidden = !paintHeldOut(row, canvas);
  const what = `held-out ${model.features ? "example" : "image"}`;
  words.textContent = name === null ? what : `${what}: ${name}`;
  $("picked").hidden = false;
  choose(model.held_out.codes[row].slice(), categoryOf(row));
}

function unpick() {
  picked = null;
  $("picked").hidden = true;
  draw();
}

function pickNearest() {
  const to = projection();
  pick(nearestTo(to.x(code[axes[0]]), to.y(upOf(code)), Infinity));
}

function zoomAtPoint(factor) {
  const ranges = view(), at = [code[axes[0]], upOf(code)];
  const isSeen = ranges.every(([low, high], n) => at[n] >= low && at[n] <= high);
  zoomBy(factor, ...(isSeen ? at : ranges.map(([low, high]) => (low + high) / 2)));
}

/* One finger or the mouse moves the point; two fingers, or the mouse with Shift, the plane. */
function listenToPlane() {
  const fingers = new Map();
  let drag = null;
  const placeOf = (event) => {
    const box = plane.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const pointed = (place) => {
    const to = projection();
    moveTo(to.fromX(place[0]), to.fromY(place[1]));
  };
  const pan = (across, up) => {
    const to = projection();
    panBy(to.fromX(0) - to.fromX(across), to.fromY(0) - to.fromY(up));
  };
  const between = () => {
    const [[x0, y0], [x1, y1]] = [...fingers.values()];
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, far: Math.max(1, Math.hypot(x1 - x0, y1 - y0)) };
  };

  plane.onpointerdown = (event) => {
    const place = placeOf(event);
    fingers.set(event.pointerId, place);
    plane.setPointerCapture(event.pointerId);
    plane.focus({ preventScroll: true });
    hover(null);
    if (fingers.size > 1) {
      if (drag && !drag.pans) choose(drag.code); // the first finger wasn't meant to move the point
      drag = null;
      return;
    }
    const pans = event.button === 1 || event.shiftKey || $("pan").getAttribute("aria-pressed") === "true";
    drag = { pans, start: place, code: code.slice(), isClick: true };
    if (!pans) pointed(place);
  };
  plane.onpointermove = (event) => {
    const place = placeOf(event), before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") hover(nearestTo(...place, NEAR));
      return;
    }
    if (fingers.size === 2) {
      const was = between();
      fingers.set(event.pointerId, place);
      const is = between(), to = projection();
      zoomBy(is.far / was.far, to.fromX(was.x), to.fromY(was.y));
      pan(is.x - was.x, is.y - was.y);
      return;
    }
    fingers.set(event.pointerId, place);
    if (!drag) return;
    if (Math.hypot(place[0] - drag.start[0], place[1] - drag.start[1]) > STILL) drag.isClick = false;
    if (drag.pans) pan(place[0] - before[0], place[1] - before[1]);
    else pointed(place);
  };
  plane.onpointerup = plane.onpointercancel = (event) => {
    fingers.delete(event.pointerId);
    const isTouch = event.pointerType === "touch";
    if (drag?.isClick && !drag.pans && event.type === "pointerup") pick(nearestTo(...drag.start, isTouch ? 2 * NEAR : NEAR));
    drag = null;
  };
  plane.onpointerleave = () => hover(null);
  plane.addEventListener("wheel", (event) => {
    event.preventDefault();
    hover(null);
    const [x, y] = placeOf(event), to = projection(), lines = event.deltaMode ? 30 : 1;
    // Trackpads send a pinch as the wheel with Ctrl, in small steps.
    const far = within(event.deltaY * lines * (event.ctrlKey ? 5 : 1), -300, 300);
    zoomBy(2 ** (-far / 300), to.fromX(x), to.fromY(y));
  }, { passive: false });

  plane.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return; // the browser's own
    const other = {
      "+": () => zoomAtPoint(1.25), "=": () => zoomAtPoint(1.25), "-": () => zoomAtPoint(0.8),
      0: () => look(null), Enter: pickNearest, Escape: unpick,
    }[event.key];
    const step = STEPS[event.key];
    if (!step && !other) return;
    event.preventDefault();
    if (other) { other(); return; }
    const to = projection(), far = event.shiftKey ? 0.1 : 0.01;
    const x = code[axes[0]] + step[0] * far * (to.right - to.left), y = upOf(code) + step[1] * far * (to.high - to.low);
    // Where only a part is looked at, it goes along.
    if (zoom) panBy(x - within(x, to.left, to.right), y - within(y, to.low, to.high));
    moveTo(x, y);
  };
  $("zoom-in").onclick = () => zoomAtPoint(1.5);
  $("zoom-out").onclick = () => zoomAtPoint(1 / 1.5);
  $("zoom-reset").onclick = () => look(null);
  $("nearest").onclick = pickNearest;
  $("pan").onclick = () => {
    const isOn = $("pan").getAttribute("aria-pressed") !== "true";
    $("pan").setAttribute("aria-pressed", String(isOn));
    plane.classList.toggle("pans", isOn);
  };
}
