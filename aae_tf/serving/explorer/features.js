"use strict";
const MOST_BARS = 200;
let features = null; // the newest that were decoded, all of them

const rounded = (value) => (value === null ? "?" : String(Number(value.toPrecision(4))).replace("-", "−"));

/* A table with a bar in each row, for models that decode to features instead of images. */
function makeBars() {
  const { names } = model.features, table = document.createElement("table");
  for (const name of names.slice(0, MOST_BARS)) {
    const row = table.insertRow(), head = document.createElement("th"), bar = document.createElement("div");
    head.scope = "row";
    head.textContent = head.title = name;
    bar.className = "bar";
    bar.append(document.createElement("div"));
    row.append(head);
    row.insertCell().append(bar);
    row.insertCell();
  }
  table.setAttribute("aria-label", "the features that the code decodes to");
  $("bars").replaceChildren(table);
  if (names.length > MOST_BARS) $("bars").append(`and ${names.length - MOST_BARS} more, which the saved code has`);
  $("bars").hidden = false;
  $("decoded").hidden = $("save-image").hidden = $("show-grid").parentElement.hidden = true;
}

/* Each bar in the range that its feature is decoded to, from zero where that is in it. */
function showFeatures(values) {
  features = values;
  [...$("bars").querySelectorAll("tr")].forEach((row, n) => {
    const [low, high] = model.features.ranges[n], value = values[n];
    const share = (x) => (high > low ? within((x - low) / (high - low), 0, 1) : 0.5);
    const [from, to] = [share(within(0, low, high)), share(value ?? low)].sort((a, b) => a - b);
    const bar = row.querySelector(".bar div");
    bar.style.marginLeft = `${100 * from}%`;
    bar.style.width = `${100 * (to - from)}%`;
    row.cells[2].textContent = rounded(value);
    row.title = `from ${rounded(low)} to ${rounded(high)}`;
  });
}
