"use strict";
/* What is shown, as files; nothing is sent anywhere. */
function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  $("said").textContent = `saved ${name}`;
}

/* The bytes of a PNG that a data: URL holds. Made at once, within the click that a browser asks for. */
function png(url) {
  const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

/* The code with what is needed to decode it again, as POST /decode takes it. */
function codeAsText() {
  const told = { model: model.name, version: model.version, codes: [code] };
  if (model.categories.length) Object.assign(told, { category, class: model.categories[category] });
  if (features) told.features = Object.fromEntries(model.features.names.map((name, n) => [name, features[n]]));
  return JSON.stringify(told, null, 1);
}

function listenToSave() {
  const stem = model.name.replace(/[^\w-]+/g, "_");
  $("save-image").onclick = () => save(`${stem}_decoded.png`, png($("decoded").src));
  $("save-plane").onclick = () => {
    const copy = document.createElement("canvas"), brush = copy.getContext("2d");
    Object.assign(copy, { width: plane.width, height: plane.height });
    brush.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--card");
    brush.fillRect(0, 0, copy.width, copy.height);
    brush.drawImage(plane, 0, 0);
    save(`${stem}_plane.png`, png(copy.toDataURL("image/png")));
  };
  $("save-code").onclick = () => save(`${stem}_code.json`, new Blob([codeAsText()], { type: "application/json" }));
  $("copy-code").hidden = !navigator.clipboard; // which browsers have on this machine and over https alone
  $("copy-code").onclick = async () => {
    try {
      await navigator.clipboard.writeText(codeAsText());
      $("said").textContent = "copied the code";
    } catch {
      $("said").textContent = "the browser doesn't let the page copy; Code saves it to a file";
    }
  };
}
