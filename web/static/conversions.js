// The list: each conversion moves, by its events and by looking again.

import { ask, askJson, download, follow, keyOrNone, upload } from "./api.js";
import { byId, copyOf, element, keyed, onButtons, say, write, writeOrHide } from "./dom.js";
import { ago, bytes, counted, duration, pairOf, stateWord } from "./words.js";

const WAY = ["queued", "converting", "ready", "succeeded"];
const IN_FLIGHT = new Set(["queued", "converting", "ready"]);
const PAGE = 20;
// A browser has six connections to a server, for all its tabs. Streams and uploads must leave some:
// what is not followed is looked at every few seconds.
const MAX_STREAMS = 2;
const MAX_UPLOADS = 2;
const LOOK_AGAIN_MS = [1000, 2000, 5000, 15_000];
const NAMES = "conveyor-names";

// The API does not tell a source's name; this tab remembers those that it sent.
const names = new Map(JSON.parse(sessionStorage.getItem(NAMES) ?? "[]"));
const known = new Map(); // by id: {conversion, asked, at}
const streams = new Map(); // by id: AbortController
let attempts = []; // uploads under way and those that broke off
let older = null; // where the next page is
let asked = 0;
let looked = false;

export function start() {
  onButtons(byId("conversions"), (name, row) => ACTIONS[name](row.dataset.key).catch((error) => say(error.message)));
  byId("conversions").addEventListener("click", downloadWithKey);
  byId("older").addEventListener("click", showOlder);
  document.addEventListener("visibilitychange", followSome);
  setInterval(() => document.hidden || show(), 500);
}

/** Look at the newest ones, and at all others that are still on their way. */
export async function look() {
  const number = ++asked;
  const page = await askJson(`/conversions?limit=${PAGE}`);
  if (!looked) older = page.next;
  looked = true;
  page.conversions.forEach((conversion) => take(conversion, number));
  const ids = new Set(page.conversions.map(({ id }) => id));
  for (const { conversion } of known.values()) {
    if (isInFlight(conversion) && !ids.has(conversion.id)) await lookAt(conversion.id);
  }
  show();
}

export const isBusy = () => attempts.length > 0 || [...known.values()].some(({ conversion }) => isInFlight(conversion));

export const nameOf = ({ id, files }) => names.get(id) ?? files[0]?.name ?? id.slice(0, 8);

async function lookAt(id) {
  const number = ++asked;
  try {
    take(await askJson(`/conversions/${encodeURIComponent(id)}`), number);
  } catch (error) {
    if (error.status !== 404) throw error;
    known.delete(id);
  }
}

/** Remember an answer, unless one to a later question is there. */
export function take(conversion, number = ++asked) {
  const before = known.get(conversion.id);
  if (before && before.asked > number) return;
  known.set(conversion.id, { conversion, asked: number, at: Date.now() });
  if (before && before.conversion.state !== conversion.state && names.has(conversion.id)) {
    say(`${nameOf(conversion)}: ${stateWord(conversion.state)}`);
  }
}

async function showOlder() {
  const number = ++asked;
  const page = await askJson(older).catch((error) => say(error.message));
  if (!page) return;
  older = page.next;
  page.conversions.forEach((conversion) => take(conversion, number));
  show();
}

// Uploads

/** @param {File[]} files @param {string} to */
export function convert(files, to) {
  const name = files.length === 1 ? files[0].name : `${files[0].name} and ${files.length - 1} more`;
  const from = files[0].name.includes(".") ? files[0].name.split(".").pop().toLowerCase() : "";
  // Not randomUUID: plain HTTP on another host has none.
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  attempts.unshift({ key, name, files, from_format: from, to_format: to, state: "waiting", sent: 0, problem: "" });
  startUploads();
}

function startUploads() {
  const running = attempts.filter(({ state }) => state === "uploading").length;
  attempts.filter(({ state }) => state === "waiting").reverse().slice(0, MAX_UPLOADS - running).forEach(send);
  show();
}

async function send(attempt) {
  Object.assign(attempt, { state: "uploading", sent: 0, problem: "", stop: new AbortController() });
  try {
    const form = new FormData();
    form.append("to", attempt.to_format);
    attempt.files.forEach((file) => form.append("file", file, file.name));
    const onProgress = (fraction) => (attempt.sent = fraction);
    accepted(attempt, await upload("/conversions", form, attempt.key, onProgress, attempt.stop.signal));
  } catch (error) {
    Object.assign(attempt, { state: "refused", problem: error.message });
    say(`${attempt.name}: ${error.message}`);
  }
  startUploads();
}

function accepted(attempt, conversion) {
  names.set(conversion.id, attempt.name);
  sessionStorage.setItem(NAMES, JSON.stringify([...names].slice(-200)));
  forget(attempt.key);
  // The row stays the same, with its focus, unless a look was faster and has made another.
  const row = byId("conversions").querySelector(`[data-key="${attempt.key}"]`);
  if (row && !known.has(conversion.id)) row.dataset.key = conversion.id;
  take(conversion);
  say(`${attempt.name}: accepted`);
}

function forget(key) {
  attempts = attempts.filter((attempt) => attempt.key !== key);
}

// Buttons

const ACTIONS = {
  async cancel(key) {
    const attempt = attempts.find((one) => one.key === key);
    forget(key);
    if (attempt) attempt.stop?.abort(new Error("The upload was cancelled."));
    else take(await askJson(`/conversions/${encodeURIComponent(key)}`, { method: "DELETE" }));
    show();
  },
  async again(key) {
    attempts.find((attempt) => attempt.key === key).state = "waiting";
    startUploads();
  },
  async dismiss(key) {
    forget(key);
    show();
  },
};

function downloadWithKey(event) {
  const link = event.target.closest("a[download]");
  if (!link || !keyOrNone()) return;
  event.preventDefault();
  download(link).catch((error) => say(error.message));
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
  for (let losses = 0; !stop.signal.aborted && isInFlight(known.get(id)?.conversion ?? {}); losses += 1) {
    const onEvent = (event) => {
      [last, losses] = [event.id, 0];
      if (event.data.state !== known.get(id)?.conversion.state) lookAt(id).then(show, () => {});
    };
    await follow(`/conversions/${encodeURIComponent(id)}/events`, last, onEvent, stop.signal).catch(() => {});
    if (!stop.signal.aborted) await pause(LOOK_AGAIN_MS[Math.min(losses, LOOK_AGAIN_MS.length - 1)]);
  }
  streams.delete(id);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What is seen

const isInFlight = ({ state }) => IN_FLIGHT.has(state);

const inOrder = () =>
  [...known.values()].map(({ conversion }) => conversion).sort((a, b) => b.created_at.localeCompare(a.created_at));

function show() {
  const items = [...attempts, ...inOrder()];
  keyed(byId("conversions"), items, ({ id, key }) => id ?? key, () => copyOf("conversion"), fill);
  byId("conversions").hidden = items.length === 0;
  byId("no-conversions").hidden = items.length > 0 || !looked;
  byId("older").hidden = !older;
  followSome();
}

function fill(row, item) {
  const part = (selector) => row.querySelector(selector);
  const view = item.id ? viewOf(item) : viewOfAttempt(item);
  row.dataset.state = item.state;
  row.setAttribute("aria-label", view.name);
  write(part(".name"), view.name);
  write(part(".pair"), pairOf(item));
  write(part(".state"), view.word);
  write(part(".facts"), view.facts.filter(Boolean).join(" · "));
  writeOrHide(part(".note"), view.note);
  fillSteps(part(".steps"), view);
  fillFiles(row, item.files ?? []);
  for (const button of row.querySelectorAll("button")) {
    button.hidden = !view.buttons.includes(button.dataset.do);
    button.setAttribute("aria-label", `${button.textContent} ${view.name}`);
  }
}

function viewOfAttempt({ name, files, state, sent, problem }) {
  const word = { waiting: "Waiting to upload", refused: "Not accepted" }[state] ?? `Uploading ${Math.floor(sent * 100)} %`;
  const buttons = state === "refused" ? ["again", "dismiss"] : ["cancel"];
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const step = state === "refused" ? -1 : 0;
  return { name, word, note: problem, buttons, facts: [bytes(size)], step, fraction: sent, first: "Uploading" };
}

function viewOf(conversion) {
  const { state, progress, failure, polls, cost, files } = conversion;
  const flying = isInFlight(conversion);
  const since = (Date.now() - known.get(conversion.id).at) / 1000;
  const expected = flying && progress.expected_s ? ` of about ${duration(progress.expected_s)}` : "";
  const code = failure?.code ? ` (code ${failure.code})` : "";
  return {
    name: nameOf(conversion),
    word: stateWord(state),
    note: failure && state !== "cancelled" ? failure.message + code : flying ? progress.note : "",
    buttons: flying ? ["cancel"] : [],
    facts: [
      duration(progress.elapsed_s + (flying ? since : 0)) + expected,
      counted(polls, "poll"),
      cost ? `cost ${cost}` : "",
      files.length === 1 ? bytes(files[0].size) : files.length ? counted(files.length, "file") : "",
      flying ? "" : ago(conversion.finished_at ?? conversion.created_at),
    ],
    step: flying ? WAY.indexOf(state) : -1,
    fraction: progress.held ? 0 : state === "converting" ? progress.fraction : null,
    first: "Queued",
  };
}

function fillSteps(steps, { step, fraction, first }) {
  steps.hidden = step < 0;
  [...steps.children].forEach((item, place) => {
    const [bar, label] = item.children;
    item.className = place < step ? "done" : place === step ? "now" : "";
    if (place === 0) write(label, first);
    if (place !== step) bar.value = place < step ? 1 : 0;
    else if (fraction === null) bar.removeAttribute("value");
    else bar.value = fraction;
  });
}

function fillFiles(row, files) {
  const link = row.querySelector(".download");
  const cancel = row.querySelector("[data-do=cancel]");
  link.hidden = files.length !== 1;
  if (!link.hidden) aim(link, files[0]);
  if (!link.hidden && document.activeElement === cancel) link.focus(); // the button goes
  const list = row.querySelector(".files");
  list.hidden = files.length < 2;
  if (list.hidden) return;
  keyed(list, files, ({ href }) => href, makeFile, (item, file) => {
    aim(item.firstChild, file);
    write(item.firstChild, file.name);
  });
}

function makeFile() {
  const item = element("li");
  item.append(element("a"));
  return item;
}

function aim(link, { href, name, size }) {
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  link.download = name;
  link.setAttribute("aria-label", `Download ${name}, ${bytes(size)}`);
}
