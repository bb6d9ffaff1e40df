// The visitor's list: each of his conversions moves, by its events and by looking again.

import { askJson, download, follow, keyOrNone } from "./api.js";
import { byId, keyed, onButtons, say, writeOrHide } from "./dom.js";
import * as mine from "./mine.js";
import { beginRemedy, readRemedy, wayOf } from "./remedies.js";
import * as uploads from "./uploads.js";
import { fillAttempt, fillConversion, makeRow, open } from "./visitor-rows.js";
import { isInFlight, stateWord } from "./words.js";

const PAGE = 20;
const MOST_ASKED = 50; // as the API takes them
// What is not followed is looked at every few seconds.
const MAX_STREAMS = 2;
const LOOK_AGAIN_MS = [1000, 2000, 5000, 15_000];
const FINISHED = ["succeeded", "cancelled"];

const known = new Map(); // by id: {conversion, asked, at}
const streams = new Map(); // by id: AbortController
let chooseAgain = () => {};
let shown = PAGE;
let asked = 0;
let looked = false;

/** @param {(files: File[]) => void} choose puts documents into the form */
export function start(choose) {
  chooseAgain = choose;
  const list = byId("conversions");
  onButtons(list, (name, row) => tryTo(() => ACTIONS[name](row.dataset.key, row)));
  list.addEventListener("click", downloadWithKey);
  list.addEventListener("submit", remedy);
  byId("older").addEventListener("click", () => tryTo(showOlder));
  byId("clear").addEventListener("click", clear);
  uploads.listen({ accepted, changed: show });
  document.addEventListener("visibilitychange", followSome);
  setInterval(() => document.hidden || show(), 500);
}

/** Look at those that can still change, and at those that were never looked at. */
export async function look() {
  const ids = mine.all().slice(0, shown).map(({ id }) => id).filter(canChange);
  if (ids.length) await lookAt(ids.slice(0, MOST_ASKED));
  else await askJson("/healthz");
  looked = true;
  show();
}

const canChange = (id) => !FINISHED.includes(known.get(id)?.conversion.state);

export const isBusy = () => inOrder().some(isInFlight);

async function lookAt(ids) {
  const number = ++asked;
  const { conversions } = await askJson(`/conversions?ids=${ids.map(encodeURIComponent).join(",")}`);
  conversions.forEach((conversion) => take(conversion, number));
  const found = new Set(conversions.map(({ id }) => id));
  const gone = ids.filter((id) => !found.has(id)); // the server has forgotten them
  gone.forEach((id) => known.delete(id));
  if (gone.length) mine.remove(gone);
}

/** Do what the user wished, or say why it can't be done. */
async function tryTo(work) {
  const problem = await work().then(() => "", (error) => error.message);
  writeOrHide(byId("trouble"), problem);
}

/** Remember an answer, unless one to a later question is there. The end is told, and no step before it. */
function take(conversion, number = ++asked) {
  const before = known.get(conversion.id);
  if (before && before.asked > number) return;
  known.set(conversion.id, { conversion, asked: number, at: Date.now() });
  const hasEnded = before && isInFlight(before.conversion) && !isInFlight(conversion);
  if (hasEnded) say([`${nameOf(conversion)}: ${stateWord(conversion.state)}`, conversion.failure?.sentence].filter(Boolean).join(". "));
}

const nameOf = ({ id, files, source_name: source }) => mine.nameOf(id) || source || files[0]?.name || id.slice(0, 8);

async function showOlder() {
  shown += PAGE;
  await look();
}

/** Take the finished ones off the list; the server keeps them as long as it keeps any. */
function clear() {
  mine.remove(inOrder().filter((one) => !isInFlight(one)).map(({ id }) => id));
  show();
  byId("conversions-title").focus(); // the button goes
  say("The finished conversions are off the list.");
}

function accepted(attempt, conversion) {
  mine.add(conversion.id, attempt.name);
  if (attempt.replaces) mine.remove([attempt.replaces]);
  // The row stays the same, with its focus, unless a look was faster and has made another.
  const row = byId("conversions").querySelector(`[data-key="${attempt.key}"]`);
  if (row && !known.has(conversion.id)) row.dataset.key = conversion.id;
  take(conversion);
  say(`${attempt.name}: accepted`);
}

// Buttons

const ACTIONS = {
  async open(key, row) {
    open(row);
  },
  async cancel(key) {
    if (!uploads.drop(key)) take(await askJson(`/conversions/${encodeURIComponent(key)}`, { method: "DELETE" }));
    show();
  },
  async remedy(_, row) {
    beginRemedy(row);
  },
  async again(key) {
    uploads.again(key);
  },
  async dismiss(key) {
    if (!uploads.drop(key)) mine.remove([key]);
    show();
  },
};

/** Try it again in another way: a conversion of its own, which takes the place of the failed one. */
function remedy(event) {
  event.preventDefault();
  const id = event.target.closest("[data-key]").dataset.key;
  const { conversion } = known.get(id);
  const way = wayOf(conversion.failure);
  const { files, params } = readRemedy(event.target, way, uploads.sourceOf(id));
  event.target.reset();
  event.target.hidden = true;
  if (way.chooses) chooseAgain(files);
  else uploads.convert(files, conversion.to_format, params, id);
}

function downloadWithKey(event) {
  const link = event.target.closest("a[download]");
  if (!link || !keyOrNone()) return;
  event.preventDefault();
  tryTo(() => download(link));
}

// Events

/** Follow the newest ones on their way, while somebody looks. */
function followSome() {
  const newest = inOrder().filter(isInFlight).slice(0, MAX_STREAMS);
  const wanted = new Set(document.hidden ? [] : newest.map(({ id }) => id));
  streams.forEach((stop, id) => wanted.has(id) || stop.abort());
  wanted.forEach((id) => streams.has(id) || followOne(id));
}

async function followOne(id) {
  const stop = new AbortController();
  streams.set(id, stop);
  let last = "";
  for (let losses = 0; !stop.signal.aborted && isInFlight(known.get(id)?.conversion); losses += 1) {
    const onEvent = (event) => {
      [last, losses] = [event.id, 0];
      if (event.data.state !== known.get(id)?.conversion.state) lookAt([id]).then(show, () => {});
    };
    await follow(`/conversions/${encodeURIComponent(id)}/events`, last, onEvent, stop.signal).catch(() => {});
    if (!stop.signal.aborted) await pause(LOOK_AGAIN_MS[Math.min(losses, LOOK_AGAIN_MS.length - 1)]);
  }
  streams.delete(id);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What is seen

const inOrder = () =>
  mine.all().slice(0, shown).map(({ id }) => known.get(id)?.conversion).filter(Boolean);

function show() {
  const replaced = new Set(uploads.attemptsNow().map(({ replaces }) => replaces));
  const conversions = inOrder().filter(({ id }) => !replaced.has(id));
  const items = [...uploads.attemptsNow(), ...conversions];
  keyed(byId("conversions"), items, ({ id, key }) => id ?? key, makeRow, fill);
  byId("conversions").hidden = items.length === 0;
  byId("no-conversions").hidden = items.length > 0 || !looked;
  byId("older").hidden = mine.all().length <= shown;
  byId("clear").hidden = !conversions.some((one) => !isInFlight(one));
  byId("whose").hidden = items.length === 0;
  followSome();
}

function fill(row, item) {
  if (!item.id) return fillAttempt(row, item);
  fillConversion(row, item, nameOf(item), known.get(item.id).at, Boolean(uploads.sourceOf(item.id)));
}
