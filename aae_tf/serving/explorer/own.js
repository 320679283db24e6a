"use strict";
const PAD_SIDE = 280;
let lastFile = null;
async function send(file) {
  lastFile = file;
  $("message").textContent = "";
  if (file.size > LARGEST) { $("message").textContent = "The file is too large; expected at most 10 MB."; return; }
  const query = new URLSearchParams({ category, invert: $("invert").checked ? 1 : 0 });
  const found = await post(`/encode?${query}`, file.type || "image/png", file);
  if (!found || file !== lastFile) return;
  $("original").src = found.image;
  $("rebuilt").src = found.reconstruction;
  $("found").hidden = false;
  const told = [];
  if (found.probabilities) {
    const best = found.probabilities.indexOf(Math.max(...found.probabilities));
    told.push(`class ${model.categories[best]} (${Math.round(100 * found.probabilities[best])} %)`);
    found.category = best;
  }
  told.push(`code ${found.code.map(shown).join(", ")}`);
  if (found.embedding) told.push(`reduced to ${found.embedding.map(shown).join(", ")}`);
  $("verdict").textContent = told.join("; ");
  if (found.code.includes(null)) return;
  $("return").onclick = () => choose(own.slice(), found.category ?? category);
  own = found.code;
  $("return").click();
}

function listenToOwn() {
  $("file").onchange = () => {
    if ($("file").files[0]) send($("file").files[0]);
    $("file").value = ""; // so that the same file can be chosen again
  };
  $("invert").onchange = () => { if (lastFile) send(lastFile); };
  ondragover = (event) => { event.preventDefault(); document.body.classList.add("dragging"); };
  ondragleave = () => document.body.classList.remove("dragging");
  ondrop = (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    if (model.encodes && event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  };
  if (model.image_shape[2] === 1) listenToPad();
}

/* A pad for images in grey, light on dark as MNIST is; its strokes are sent as they are drawn. */
function listenToPad() {
  const pad = $("pad"), ink = pad.getContext("2d", { willReadFrequently: true });
  const [height, width] = model.image_shape, scale = Math.ceil(PAD_SIDE / Math.max(height, width));
  let at = null, isDown = false, isEmpty = true;
  Object.assign(pad, { width: scale * width, height: scale * height });
  $("drawing").hidden = false;

  const sendPad = newestOnly(async () => {
    const file = await new Promise((done) => pad.toBlob(done, "image/png"));
    if (!isEmpty) await send(file);
  }, () => {});

  function strokeTo(x, y) {
    ink.lineWidth = $("pen-width").value * Math.min(pad.width, pad.height);
    ink.lineCap = ink.lineJoin = "round";
    ink.strokeStyle = "#fff";
    ink.beginPath();
    ink.moveTo(...at);
    ink.lineTo(x, y);
    ink.stroke();
    at = [x, y];
    isEmpty = false;
    sendPad(true);
  }

  function clear() {
    ink.fillStyle = "#000";
    ink.fillRect(0, 0, pad.width, pad.height);
    isEmpty = true;
    $("found").hidden = true;
    lastFile = own = null;
    draw();
  }

  const place = (event) => [event.offsetX, event.offsetY].map((n) => (n * pad.width) / pad.clientWidth);
  pad.onpointerdown = (event) => {
    pad.setPointerCapture(event.pointerId);
    pad.focus({ preventScroll: true });
    isDown = true;
    at = place(event);
    strokeTo(...at);
  };
  pad.onpointermove = (event) => { if (isDown && event.buttons) strokeTo(...place(event)); };
  pad.onpointerup = pad.onpointercancel = () => { isDown = false; };
  pad.onkeydown = (event) => {
    const step = STEPS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    at ??= [pad.width / 2, pad.height / 2];
    if (event.key === " ") {
      isDown = !isDown;
      if (isDown) strokeTo(...at);
    } else {
      const [x, y] = [within(at[0] + step[0] * scale, 0, pad.width), within(at[1] - step[1] * scale, 0, pad.height)];
      if (isDown) strokeTo(x, y); else at = [x, y];
    }
    $("pen-at").textContent = `Pen ${isDown ? "down" : "up"} at ${at.map((n) => Math.round(n / scale)).join(", ")}`;
  };
  $("clear").onclick = clear;
  clear();
}
