"use strict";
const FURTHEST = 4, NEAREST = 1e-3; // of the whole that the plane may show
let zoom = null; // the two ranges that are looked at, where they aren't the whole

/* The two ranges of the whole; of one length where they are alike, so that circles stay round. */
function home() {
  const ranges = axes.map((axis) => model.ranges[axis]);
  if (axes[0] === axes[1]) return [ranges[0], [-1, 1]];
  const spans = ranges.map(([low, high]) => high - low);
  const span = Math.max(...spans);
  if (span > 2 * Math.min(...spans)) return ranges;
  return ranges.map(([low, high]) => [(low + high - span) / 2, (low + high + span) / 2]);
}

const view = () => zoom ?? home();

function look(ranges) {
  zoom = ranges;
  $("zoom-reset").disabled = !zoom;
  refreshGrid();
  draw();
}

/* Shows so many times as much detail, where the code (x, y) stays in its place. */
function zoomBy(factor, x, y) {
  const [whole] = home(), size = (view()[0][1] - view()[0][0]) / (whole[1] - whole[0]);
  const by = within(factor, size / FURTHEST, size / NEAREST);
  look(view().map(([low, high], n) => {
    if (n && oneDimension()) return [low, high];
    const at = n ? y : x;
    return [at - (at - low) / by, at + (high - at) / by];
  }));
}

/* Moves what is looked at, as long as its middle stays in the whole. */
function panBy(across, up) {
  const whole = home();
  look(view().map(([low, high], n) => {
    if (n && oneDimension()) return [low, high];
    const half = (high - low) / 2, centre = within(low + half + (n ? up : across), ...whole[n]);
    return [centre - half, centre + half];
  }));
}

function projection() {
  const side = plane.clientWidth, [[left, right], [low, high]] = view();
  const width = side - PAD.left - PAD.right, height = side - PAD.top - PAD.bottom;
  return {
    x: (value) => PAD.left + ((value - left) / (right - left)) * width,
    y: (value) => PAD.top + ((high - value) / (high - low)) * height,
    fromX: (x) => left + ((x - PAD.left) / width) * (right - left),
    fromY: (y) => high - ((y - PAD.top) / height) * (high - low),
    left, right, low, high, width, height,
  };
}

function ticks(low, high) {
  const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(+(n * step).toPrecision(12));
  return found;
}

const oneDimension = () => model.latent_dim === 1;
const upOf = (point) => (oneDimension() ? 0 : point[axes[1]]);

function draw() {
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; paint(); });
}

function paint() {
  const side = plane.clientWidth, ratio = devicePixelRatio || 1;
  if (plane.width !== Math.round(side * ratio)) plane.width = plane.height = Math.round(side * ratio);
  const style = getComputedStyle(document.documentElement), ink = (name) => style.getPropertyValue(name);
  const to = projection();
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, side, side);
  pen.font = "12px system-ui, sans-serif";
  pen.lineWidth = 1;
  pen.strokeStyle = ink("--grid");
  pen.fillStyle = ink("--quiet");
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const value of ticks(to.left, to.right)) {
    line(to.x(value), PAD.top, to.x(value), PAD.top + to.height);
    pen.fillText(String(value).replace("-", "−"), to.x(value), PAD.top + to.height + 6);
  }
  pen.fillText(`z${axes[0] + 1}`, PAD.left + to.width / 2, PAD.top + to.height + 26);
  pen.textBaseline = "middle";
  if (!oneDimension()) {
    pen.fillText(`z${axes[1] + 1}`, 10, PAD.top + to.height / 2);
    pen.textAlign = "right";
    for (const value of ticks(to.low, to.high)) {
      line(PAD.left, to.y(value), PAD.left + to.width, to.y(value));
      pen.fillText(String(value).replace("-", "−"), PAD.left - 6, to.y(value));
    }
  }
  pen.save();
  pen.beginPath();
  pen.rect(PAD.left, PAD.top, to.width, to.height);
  pen.clip();
  const opacity = Number($("opacity").value);
  const isGrid = $("show-grid").checked && grid && String(grid.axes) === String(axes);
  if (isGrid) paintGrid(to);
  if (model.prior && $("show-prior").checked) {
    paintExtent(to, ink("--prior"));
    pen.globalAlpha = 0.6 * opacity;
    pen.fillStyle = ink("--prior");
    for (const point of model.prior) spot(to, point, 1.6);
  }
  if (model.held_out && $("show-codes").checked) {
    const { codes, labels } = model.held_out;
    pen.globalAlpha = opacity;
    pen.lineWidth = 1;
    pen.strokeStyle = "#fff"; // on the grid's images, black or white as they may be
    const radius = codes.length < 300 ? 4 : 2.6;
    codes.forEach((point, row) => {
      const label = labels ? labels[row] : 0;
      if (hiddenClasses.has(label)) return;
      pen.fillStyle = colour(label);
      spot(to, point, radius);
      if (isGrid) pen.stroke();
    });
  }
  pen.globalAlpha = 1;
  paintWalk(to, ink);
  if (own) outlined(ink, "--accent", () => pen.strokeRect(to.x(own[axes[0]]) - 10, to.y(upOf(own)) - 10, 20, 20));
  if (picked !== null) outlined(ink, "--accent", () => ring(to, model.held_out.codes[picked], 9));
  const [x, y] = [to.x(code[axes[0]]), to.y(upOf(code))];
  for (const [wide, name] of [[6, "--card"], [3, "--ink"]]) {
    pen.lineWidth = wide;
    pen.strokeStyle = ink(name);
    line(x - 16, y, x - 6, y); line(x + 6, y, x + 16, y);
    line(x, y - 16, x, y - 6); line(x, y + 6, x, y + 16);
    pen.beginPath();
    pen.arc(x, y, 6, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.restore();
  pen.strokeStyle = ink("--line");
  pen.lineWidth = 1;
  pen.strokeRect(PAD.left, PAD.top, to.width, to.height);
}

/* Something on a rim of the page's colour, so that it is seen on the grid's images. */
function outlined(ink, name, stroke) {
  for (const [wide, shade] of [[5, "--card"], [2.5, name]]) {
    pen.lineWidth = wide;
    pen.strokeStyle = ink(shade);
    stroke();
  }
}

function ring(to, point, radius) {
  pen.beginPath();
  pen.arc(to.x(point[axes[0]]), to.y(upOf(point)), radius, 0, 2 * Math.PI);
  pen.stroke();
}

function line(x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function spot(to, point, radius) {
  pen.beginPath();
  pen.arc(to.x(point[axes[0]]), to.y(upOf(point)), radius, 0, 2 * Math.PI);
  pen.fill();
}

/* Where the prior's samples end, a box of dashes. */
function paintExtent(to, shade) {
  const [[x0, x1], [y0, y1]] = axes.map((axis) => model.extent[axis]);
  pen.strokeStyle = shade;
  pen.setLineDash([5, 4]);
  if (oneDimension()) { line(to.x(x0), PAD.top, to.x(x0), PAD.top + to.height); line(to.x(x1), PAD.top, to.x(x1), PAD.top + to.height); }
  else pen.strokeRect(to.x(x0), to.y(y1), to.x(x1) - to.x(x0), to.y(y0) - to.y(y1));
  pen.setLineDash([]);
}

const rows = () => (oneDimension() ? 1 : GRID);
const cell = (low, high, n, count) => low + ((n + 0.5) / count) * (high - low);

/* The grid where it was decoded for, which in a moment is what is looked at. */
function paintGrid(to) {
  pen.imageSmoothingEnabled = false;
  const [[left, right], [low, high]] = grid.seen, ratio = devicePixelRatio || 1;
  const snap = (x) => Math.round(x * ratio) / ratio;
  const wide = (to.x(right) - to.x(left)) / GRID, tall = oneDimension() ? wide : (to.y(low) - to.y(high)) / GRID;
  grid.images.forEach((image, n) => {
    const scale = Math.min(wide, tall) / Math.max(image.width, image.height);
    const halfWidth = (scale * image.width) / 2, halfHeight = (scale * image.height) / 2;
    const x = to.x(cell(left, right, n % GRID, GRID));
    const y = oneDimension() ? to.y(0) : to.y(cell(high, low, Math.floor(n / GRID), GRID));
    // Between whole pixels of the screen, or seams would show.
    const [start, top] = [snap(x - halfWidth), snap(y - halfHeight)];
    pen.drawImage(image, start, top, snap(x + halfWidth) - start, snap(y + halfHeight) - top);
  });
}
