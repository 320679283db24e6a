"use strict";
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
  $("return").onclick = () => {
    code = own.slice();
    category = found.category ?? category;
    update(true);
  };
  own = found.code;
  $("return").click();
}
