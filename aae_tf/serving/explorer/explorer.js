"use strict";
const $ = (id) => document.getElementById(id);
// Paul Tol's schemes: 'muted' on white, as in the figures; 'light' on black.
const LIGHT = ["#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499", "#000000"];
const DARK = ["#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00", "#c79be8", "#dddddd"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const GRID = 15, LARGEST = 10 * 2 ** 20;
const PAD = { left: 54, right: 8, top: 12, bottom: 50 }; // which leaves a square
const plane = $("plane"), pen = plane.getContext("2d");
let model, code, category = 0, axes = [0, 0], own = null, grid = null, frame = 0;
let turn = 0; // of what is decoded; an answer that comes after its turn isn't shown
const hiddenClasses = new Set();

const colour = (n) => {
  const scheme = dark.matches ? DARK : LIGHT;
  return n < scheme.length ? scheme[n] : `hsl(${(n * 137.5) % 360} 55% ${dark.matches ? 70 : 45}%)`;
};
const shown = (value) => (value === null ? "?" : value.toFixed(2).replace("-", "−"));
const middle = ([low, high]) => (low <= 0 && high >= 0 ? 0 : (low + high) / 2);

/* Asks one question at a time; of those that come meanwhile only the newest is asked next. */
function newestOnly(ask, take) {
  let busy = false, next = null;
  return async function request(question) {
    if (busy) { next = question; return; }
    busy = true;
    try {
      take(await ask(question), question);
    } finally {
      busy = false;
      if (next !== null) { const later = next; next = null; request(later); }
    }
  };
}

async function post(path, kind, body) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers: { "Content-Type": kind }, body });
  } catch {
    $("message").textContent = "The program that served this page no longer answers.";
    return null;
  }
  const found = await answer.json().catch(() => ({ error: "The answer can't be read." }));
  $("message").textContent = answer.ok ? "" : found.error;
  return answer.ok ? found : null;
}
const decode = (asked) => post("/decode", "application/json", JSON.stringify(asked));

const askImage = newestOnly(decode, (found, asked) => {
  if (found && asked.turn === turn) showDecoded(found, 0);
});

function showDecoded(found, n) {
  if (model.features) showFeatures(found.features[n]);
  else $("decoded").src = found.images[n];
}

const askGrid = newestOnly(decode, async (found, asked) => {
  if (!found) { gridAsked = ""; return; }
  const images = await Promise.all(found.images.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image;
  }));
  grid = { images, axes: asked.axes, seen: asked.seen };
  draw();
});

let gridAsked = "";
function refreshGrid() {
  if (!$("show-grid").checked) return;
  const to = projection(), codes = [];
  for (let row = 0; row < rows(); row++) {
    for (let column = 0; column < GRID; column++) {
      const point = code.slice();
      if (!oneDimension()) point[axes[1]] = cell(to.high, to.low, row, GRID);
      point[axes[0]] = cell(to.left, to.right, column, GRID);
      codes.push(point);
    }
  }
  const question = JSON.stringify([codes, category]);
  if (question === gridAsked) return;
  gridAsked = question;
  askGrid({ codes, category, axes: axes.slice(), seen: view() });
}

/* Shows the code everywhere; `isMoved` if dimensions other than the plane's, or the class, changed.
   `known` is an answer that has at place `n` what it decodes to. */
function update(isMoved, known = null, n = 0) {
  if (known) {
    turn++;
    showDecoded(known, n);
  } else {
    pause();
    askImage({ codes: [code], category, turn });
  }
  const parts = (oneDimension() ? axes.slice(0, 1) : axes).map((axis) => `z${axis + 1} = ${shown(code[axis])}`);
  $("code").textContent = parts.join(", ");
  plane.setAttribute("aria-valuetext", parts.join(", "));
  if (isMoved) {
    for (const slider of document.querySelectorAll("#others input")) {
      slider.value = code[slider.dataset.axis];
      slider.nextElementSibling.textContent = shown(code[slider.dataset.axis]);
    }
    if (!isPlaying()) refreshGrid();
  }
  draw();
}

function choose(newCode, newCategory = category) {
  const isOther = newCategory !== category;
  code = newCode;
  category = newCategory;
  update(true);
  if (isOther) refreshWalk();
}

const within = (value, low, high) => Math.min(high, Math.max(low, value));

function moveTo(x, y) {
  const to = projection();
  if (!oneDimension()) code[axes[1]] = within(y, to.low, to.high);
  code[axes[0]] = within(x, to.left, to.right);
  update(false);
}

function chooseAxes() {
  axes = [Number($("across").value), Number($("up").value)];
  look(null);
  $("others-card").hidden = model.latent_dim < 3;
  $("others").replaceChildren(...model.ranges.map((range, axis) => {
    if (axes.includes(axis)) return "";
    const row = document.createElement("label"), name = document.createElement("span");
    const slider = document.createElement("input"), value = document.createElement("output");
    row.className = "slider";
    name.textContent = `z${axis + 1}`;
    Object.assign(slider, { type: "range", min: range[0], max: range[1], step: "any" });
    slider.dataset.axis = axis;
    slider.oninput = () => { code[axis] = Number(slider.value); update(true); };
    row.append(name, slider, value);
    return row;
  }));
  update(true);
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function makeLegend() {
  const found = model.held_out;
  if (!found || !found.labels) return;
  const present = [...new Set(found.labels)].sort((a, b) => a - b);
  $("legend").replaceChildren(...present.map((label) => {
    const entry = document.createElement("button"), dot = document.createElement("span");
    dot.className = "dot";
    dot.style.background = colour(label);
    entry.append(dot, found.class_names[label] ?? String(label));
    entry.title = "show or hide this class";
    entry.setAttribute("aria-pressed", String(!hiddenClasses.has(label)));
    entry.onclick = () => {
      if (!hiddenClasses.delete(label)) hiddenClasses.add(label);
      entry.setAttribute("aria-pressed", String(!hiddenClasses.has(label)));
      draw();
    };
    return entry;
  }));
}

function listen() {
  $("across").onchange = $("up").onchange = (event) => {
    // The two axes are never one: the other takes what this one had.
    const other = event.target === $("across") ? $("up") : $("across");
    if (other.value === event.target.value) other.value = axes[event.target === $("across") ? 0 : 1];
    chooseAxes();
  };
  $("category").onchange = () => choose(code, Number($("category").value));
  $("random").onclick = () => choose(model.prior[Math.floor(Math.random() * model.prior.length)].slice());
  $("centre").onclick = () => {
    model.ranges.forEach((range, axis) => { if (!axes.includes(axis)) code[axis] = middle(range); });
    update(true);
  };
  $("show-codes").onchange = $("show-prior").onchange = $("opacity").oninput = draw;
  $("show-grid").onchange = () => { refreshGrid(); draw(); };
  new ResizeObserver(draw).observe(plane);
  dark.addEventListener("change", () => { makeLegend(); draw(); });
}

async function start() {
  const answer = await fetch("/model.json");
  model = await answer.json();
  const size = model.latent_dim;
  document.title = `${model.name} – latent explorer`;
  $("name").textContent = model.name;
  $("about").textContent = `version ${model.version} · a code of ${size} ${size === 1 ? "dimension" : "dimensions"}`
    + ` · ${decodesTo()}`
    + (model.held_out ? ` · ${model.held_out.codes.length} held-out codes of ${model.held_out.data}` : "");
  $("without").textContent = model.held_out ? ""
    : "This export came without codes of held-out images, so none are drawn; --mode=export with the run's data at hand adds them.";
  for (const it of [$("show-codes").parentElement, $("nearest"), $("hint-points")]) it.hidden = !model.held_out;
  $("show-prior").parentElement.hidden = $("random").hidden = !model.prior;
  $("own").hidden = !model.encodes;
  $("category-label").hidden = !model.categories.length;
  $("category").replaceChildren(...model.categories.map((name, n) => option(n, name)));
  code = model.ranges.map(middle);
  for (const id of ["across", "up"]) $(id).replaceChildren(...code.map((_, n) => option(n, `z${n + 1}`)));
  $("up").value = Math.min(1, size - 1);
  for (const label of document.querySelectorAll(".axes")) label.hidden = size < 3;
  for (const listens of [listen, listenToPlane, listenToWalk, listenToSave]) listens();
  if (model.encodes) listenToOwn();
  if (model.features) makeBars();
  makeLegend();
  chooseAxes();
  if (model.held_out?.tile) loadSheet();
}

function decodesTo() {
  const [height, width, channels] = model.image_shape;
  if (!model.features) return `images of ${width} × ${height}, ${channels === 1 ? "grey" : "colour"}`;
  const count = model.features.names.length;
  return `${count} ${count === 1 ? "feature" : "features"}`;
}

document.addEventListener("DOMContentLoaded", start); // when all scripts of the page are there
