// The form: documents are dropped or chosen, a target is chosen, and they go.

import { askJson } from "./api.js";
import { byId, element, keyed, onButtons, write } from "./dom.js";
import { bytes, formatOf } from "./words.js";

// These make one of several; with any other target each document is a conversion of its own.
const JOINING = new Set(["merge", "zip"]);
const OTHER = "…";

let formats = {};
let chosen = [];
let picked = ""; // the target that the user has chosen, as long as it fits

/**
 * @param {(files: File[], to: string) => void} onOrder is called once for each conversion
 * @returns {Promise} ends when the formats are known, or can't be
 */
export function start(onOrder) {
  byId("files").addEventListener("change", ({ target }) => {
    add(target.files);
    target.value = ""; // else the same document could not be chosen twice
  });
  byId("target").addEventListener("change", ({ target }) => {
    picked = target.value;
    show();
  });
  onButtons(byId("chosen"), (_, row) => {
    chosen = chosen.filter((file) => keyOf(file) !== row.dataset.key);
    show();
    (byId("chosen").querySelector("button") ?? byId("files")).focus();
  });
  byId("order").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(onOrder);
  });
  acceptDrops();
  show();
  return loadFormats();
}

async function loadFormats() {
  // Without them any target can still be typed.
  ({ formats } = await askJson("/formats").catch(() => ({ formats: {} })));
  show();
}

/** Take these documents into the form again, for another target. */
export function choose(files) {
  add(files);
  byId("target").focus();
}

function add(files) {
  const known = new Set(chosen.map(keyOf));
  chosen = [...chosen, ...[...files].filter((file) => !known.has(keyOf(file)))];
  show();
}

function submit(onOrder) {
  const to = targetNow().toLowerCase().replace(/^\./, "");
  if (!to) return byId("other").focus();
  const orders = JOINING.has(to) ? [chosen] : chosen.map((file) => [file]);
  chosen = [];
  show();
  byId("files").focus(); // the button is disabled now
  orders.forEach((files) => onOrder(files, to));
}

const targetNow = () => {
  const { value } = byId("target");
  return value === OTHER ? byId("other").value.trim() : value;
};

/** The whole page takes a drop: one that misses the zone would replace the page. */
function acceptDrops() {
  const zone = byId("drop");
  const mark = (is) => zone.classList.toggle("over", is);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    add(event.dataTransfer.files);
  });
}

function show() {
  keyed(byId("chosen"), chosen, keyOf, makeChosen, fillChosen);
  byId("choice").disabled = chosen.length === 0;
  showTargets();
  const joins = chosen.length > 1 && !JOINING.has(targetNow());
  write(byId("choice-hint"), joins ? `${chosen.length} conversions, one for each document` : "");
}

function makeChosen() {
  const row = element("li");
  const button = element("button", "Remove", { type: "button", className: "quiet" });
  button.dataset.do = "remove";
  row.append(element("span"), element("small"), button);
  return row;
}

function fillChosen(row, file) {
  const [name, size, button] = row.children;
  write(name, file.name);
  write(size, bytes(file.size));
  button.setAttribute("aria-label", `Remove ${file.name}`);
}

function showTargets() {
  const select = byId("target");
  const targets = targetsOfAll();
  const wanted = [picked, "pdf", targets[0]].find((to) => to === OTHER || targets.includes(to)) ?? OTHER;
  select.replaceChildren(
    ...targets.map((to) => element("option", to.toUpperCase(), { value: to })),
    element("option", "another format…", { value: OTHER }),
  );
  select.value = wanted;
  select.hidden = targets.length === 0;
  const other = byId("other");
  other.hidden = wanted !== OTHER;
  other.required = !other.hidden;
}

/** What every chosen document is known to be converted into. */
function targetsOfAll() {
  const names = chosen.length ? chosen.map(({ name }) => formatOf(name)) : ["docx"];
  const lists = names.map((name) => formats[name] ?? []);
  return lists.reduce((common, list) => common.filter((to) => list.includes(to)));
}

const keyOf = (file) => `${file.name}/${file.size}/${file.lastModified}`;
