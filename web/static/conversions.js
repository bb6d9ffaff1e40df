// The list: each conversion moves, by its events and by looking again.

import { LARGEST_PAGE, askJson, download, follow, keyOrNone, upload } from "./api.js";
import { byId, keyed, onButtons, say, writeOrHide } from "./dom.js";
import { fillAttempt, fillConversion, isInFlight, makeRow } from "./rows.js";
import { formatOf, stateWord } from "./words.js";

const PAGE = 20;
// Of those that no page shows, at each look: a server lets a caller ask some hundred times a minute.
const FEW = 5;
// A browser has six connections to a server, for all its tabs. Streams and uploads must leave some:
// what is not followed is looked at every few seconds.
const MAX_STREAMS = 2;
const MAX_UPLOADS = 2;
const LOOK_AGAIN_MS = [1000, 2000, 5000, 15_000];
const TOO_MANY = 429;
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
  onButtons(byId("conversions"), (name, row) => tryTo(() => ACTIONS[name](row.dataset.key)));
  byId("conversions").addEventListener("click", downloadWithKey);
  byId("older").addEventListener("click", () => tryTo(showOlder));
  document.addEventListener("visibilitychange", followSome);
  setInterval(() => document.hidden || show(), 500);
}

/** Refresh the newest ones, and others that are still running. */
export async function look() {
  const number = ++asked;
  const limit = inOrder().slice(PAGE).some(isInFlight) ? LARGEST_PAGE : PAGE;
  const { conversions, next } = await askJson(`/conversions?limit=${limit}`);
  if (!looked) older = next;
  looked = true;
  const seen = conversions.filter(({ id }, place) => place < PAGE || known.has(id));
  seen.forEach((conversion) => take(conversion, number));
  for (const id of notAskedSince(number).slice(0, FEW)) await lookAt(id);
  show();
}

/** Those on their way that were not looked at, the longest neglected first. */
function notAskedSince(number) {
  const left = [...known.values()].filter((one) => isInFlight(one.conversion) && one.asked < number);
  return left.sort((a, b) => a.asked - b.asked).map(({ conversion }) => conversion.id);
}

export const isBusy = () =>
  attempts.length > 0 || [...known.values()].some(({ conversion }) => isInFlight(conversion));

export const nameOf = ({ id, files, source_name: source }) =>
  (names.get(id) ?? source) || (files[0]?.name ?? id.slice(0, 8));

/** Do what the user wished, or say why it can't be done. */
async function tryTo(work) {
  const problem = await work().then(() => "", (error) => error.message);
  writeOrHide(byId("trouble"), problem);
}

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
  const page = await askJson(older);
  older = page.next;
  page.conversions.forEach((conversion) => take(conversion, number));
  show();
}

// Uploads

/** @param {File[]} files @param {string} to */
export function convert(files, to) {
  const name = files.length === 1 ? files[0].name : `${files[0].name} and ${files.length - 1} more`;
  const from = formatOf(files[0].name);
  // Not randomUUID: plain HTTP on another host has none.
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  attempts.unshift({ key, name, files, from_format: from, to_format: to, state: "waiting", sent: 0, problem: "" });
  startUploads();
}

function startUploads() {
  const running = attempts.filter(({ state }) => state === "uploading" || state === "resting").length;
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
    if (error.status === TOO_MANY) return putOff(attempt, Math.max(error.retryAfterS, 1));
    Object.assign(attempt, { state: "refused", problem: error.message });
    say(`${attempt.name}: ${error.message}`);
  }
  startUploads();
}

/** Send it again later: by its key it stays one conversion. No other takes its place: all would be refused. */
function putOff(attempt, seconds) {
  const problem = `Too many requests. The upload continues in ${seconds} s.`;
  Object.assign(attempt, { state: "resting", sent: 0, problem });
  setTimeout(() => {
    attempt.state = "waiting";
    startUploads();
  }, seconds * 1000);
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
      if (event.data.state !== known.get(id)?.conversion.state) lookAt(id).then(show, () => {});
    };
    await follow(`/conversions/${encodeURIComponent(id)}/events`, last, onEvent, stop.signal).catch(() => {});
    if (!stop.signal.aborted) await pause(LOOK_AGAIN_MS[Math.min(losses, LOOK_AGAIN_MS.length - 1)]);
  }
  streams.delete(id);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What is seen

const inOrder = () =>
  [...known.values()].map(({ conversion }) => conversion).sort((a, b) => b.created_at.localeCompare(a.created_at));

function show() {
  const items = [...attempts, ...inOrder()];
  keyed(byId("conversions"), items, ({ id, key }) => id ?? key, makeRow, fill);
  byId("conversions").hidden = items.length === 0;
  byId("no-conversions").hidden = items.length > 0 || !looked;
  byId("older").hidden = !older;
  followSome();
}

function fill(row, item) {
  if (item.id) fillConversion(row, item, nameOf(item), known.get(item.id).at);
  else fillAttempt(row, item);
}
