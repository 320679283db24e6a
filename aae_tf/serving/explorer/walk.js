"use strict";
const STEPS_OF_LINE = 48, SECONDS = 4; // in which it is walked
let ends = [null, null], walk = null, playing = 0;

const isPlaying = () => playing !== 0;

/* Codes on the straight line between its ends. */
function stops() {
  const last = within(model.codes_at_once - 1, 1, STEPS_OF_LINE);
  const at = (share) => ends[0].map((from, axis) => from + share * (ends[1][axis] - from));
  return Array.from({ length: last + 1 }, (_, n) => at(n / last));
}

/* All of the line is decoded at once, so that it plays evenly. */
const askWalk = newestOnly(decode, (found, asked) => {
  if (!found) return;
  walk = { ...asked, found };
  $("walk-play").disabled = $("walk-at").disabled = false;
});

function refreshWalk() {
  if (ends.includes(null)) return;
  askWalk({ codes: stops(), category });
}

function setEnd(n) {
  ends[n] = code.slice();
  const isWhole = !ends.includes(null);
  $("walk-hint").hidden = isWhole;
  $("walk-at").value = n;
  tellWalk();
  refreshWalk();
  draw();
}

function tellWalk() {
  $("walk-at").nextElementSibling.textContent = `${Math.round(100 * $("walk-at").value)} %`;
}

function stand(share) {
  const n = Math.round(share * (walk.codes.length - 1));
  code = walk.codes[n].slice();
  $("walk-at").value = share;
  tellWalk();
  update(true, walk.found, n);
}

/* Walks there and back until it is paused, from where the slider is. */
function play() {
  const start = performance.now() - 1000 * SECONDS * $("walk-at").value;
  const step = (now) => {
    const passed = (Math.max(0, now - start) / 1000 / SECONDS) % 2;
    playing = requestAnimationFrame(step);
    stand(passed > 1 ? 2 - passed : passed);
  };
  playing = requestAnimationFrame(step);
  $("walk-play").textContent = "Pause";
}

function pause() {
  if (!playing) return;
  cancelAnimationFrame(playing);
  playing = 0;
  $("walk-play").textContent = "Play";
  refreshGrid();
}

function paintWalk(to, ink) {
  const places = ends.map((end) => end && [to.x(end[axes[0]]), to.y(upOf(end))]);
  if (places[0] && places[1]) outlined(ink, "--ink", () => line(...places[0], ...places[1]));
  places.forEach((place, n) => {
    if (!place) return;
    pen.beginPath();
    pen.arc(...place, 9, 0, 2 * Math.PI);
    pen.fillStyle = ink("--ink");
    pen.fill();
    pen.fillStyle = ink("--card");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText("AB"[n], place[0], place[1] + 0.5);
  });
}

function listenToWalk() {
  $("walk-at").step = 1 / STEPS_OF_LINE; // so that a key goes to the next
  $("walk-from").onclick = () => setEnd(0);
  $("walk-to").onclick = () => setEnd(1);
  $("walk-play").onclick = () => (playing ? pause() : play());
  $("walk-at").oninput = () => { pause(); stand(Number($("walk-at").value)); };
}
