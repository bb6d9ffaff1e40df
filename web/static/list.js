// Every conversion, the newest first. All that was loaded is searched, and a hundred rows are made.

import { askJson, download, keyOrNone } from "./api.js";
import { fillDetails, isOpen, nameOf, toggle } from "./details.js";
import { byId, copyOf, keyed, onButtons, say, write, writeOrHide } from "./dom.js";
import * as filter from "./filter.js";
import { aim } from "./visitor-rows.js";
import { ago, isInFlight, pairOf, reasonWord, stateWord } from "./words.js";

const NEWEST = 50; // at each look
const ROWS = 100; // are made at first: a browser takes a second and more to style a thousand
const MOST_ASKED = 50; // as the API takes them
const QUIET_MS = 1000; // before a count is told to those who listen

const known = new Map(); // by id
let inOrder = [];
let older = null; // where the next page is
let pageSize = 0;
let limit = ROWS;
let looked = false;
let telling = 0;

/** @param {number} largest how many a page may hold */
export function start(largest) {
  pageSize = largest;
  onButtons(byId("list"), (name, row) => tryTo(() => ACTIONS[name](row)));
  byId("list").addEventListener("click", downloadWithKey);
  byId("older").addEventListener("click", () => tryTo(showMore));
}

/** Refresh the newest ones, and others that are still running. */
export async function look() {
  const { conversions, next } = await askJson(`/conversions?limit=${looked ? NEWEST : pageSize}`);
  if (!looked) older = next;
  looked = true;
  const isNewer = new Set(conversions.map(({ id }) => id));
  const running = inOrder.filter((one) => isInFlight(one) && !isNewer.has(one.id)).slice(-MOST_ASKED);
  const others = running.length ? await ask(running.map(({ id }) => id)) : [];
  take([...conversions, ...others]);
}

const ask = async (ids) =>
  (await askJson(`/conversions?ids=${ids.map(encodeURIComponent).join(",")}`)).conversions;

/** More rows, and older conversions where all that fit are shown. */
async function showMore() {
  limit += ROWS;
  if (older && inOrder.filter(filter.fits).length < limit) {
    const page = await askJson(older);
    older = page.next;
    take(page.conversions);
  }
  show();
  say(byId("list-count").textContent);
}

/** The filter has changed: begin anew. */
export function showAnew() {
  limit = ROWS;
  show();
}

/** Ask the server where the words are an id or metadata: it knows more than was loaded. */
export async function searchServer(text) {
  if (/^[\w.:-]{1,64}=.+$/.test(text)) await find(`/conversions?metadata=${encodeURIComponent(text)}`);
  else if (/^[\w.:-]{20,}$/.test(text)) await find(`/conversions?ids=${encodeURIComponent(text)}`);
  if (filter.isOn()) tell();
}

async function find(path) {
  const page = await askJson(path).catch(() => ({ conversions: [] }));
  take(page.conversions);
}

/** Remember what has changed: an item that is the same keeps its place in every cache. */
function take(conversions) {
  for (const conversion of conversions) {
    const before = known.get(conversion.id);
    if (!before || isInFlight(before) || changed(before) !== changed(conversion)) known.set(conversion.id, conversion);
  }
  inOrder = [...known.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  filter.offer(inOrder);
  show();
}

/** What of an ended conversion can still change: by a replay, or when its files' life is over. */
const changed = ({ state, files }) => state + files.map((file) => file.removed_at);

function show() {
  const found = inOrder.filter(filter.fits);
  keyed(byId("list"), found.slice(0, limit), ({ id }) => id, () => copyOf("item"), fill);
  byId("list").hidden = found.length === 0;
  const none = filter.isOn() ? "No loaded conversion fits." : "No conversions yet.";
  writeOrHide(byId("no-list"), found.length || !looked ? "" : none);
  byId("older").hidden = found.length <= limit && !older;
  write(byId("list-count"), countOf(found.length));
}

function countOf(found) {
  const [fit, all] = [found, inOrder.length].map((number) => number.toLocaleString("en"));
  const newest = older ? `the newest ${all}` : all;
  return filter.isOn() ? `${fit} of ${newest} fit` : inOrder.length ? newest : "";
}

function tell() {
  clearTimeout(telling);
  telling = setTimeout(() => say(byId("list-count").textContent), QUIET_MS);
}

/** @param item the same object as long as nothing has changed: then only its age is written */
function fill(row, item) {
  write(row.querySelector(".when"), ago(item.finished_at ?? item.created_at));
  if (row.item === item) return;
  row.item = item;
  const name = nameOf(item);
  row.dataset.state = item.state;
  write(row.querySelector(".name"), name);
  write(row.querySelector(".pair"), pairOf(item));
  const why = item.failure && item.state !== "cancelled" ? `: ${reasonWord(item.failure.reason)}` : "";
  write(row.querySelector(".state"), stateWord(item.state) + why);
  const cancel = row.querySelector("[data-do=cancel]");
  cancel.hidden = !isInFlight(item);
  cancel.setAttribute("aria-label", `Cancel ${name}`);
  const link = row.querySelector(".download");
  link.hidden = item.files.length !== 1 || Boolean(item.files[0].removed_at);
  if (!link.hidden) aim(link, item.files[0]);
  if (isOpen(row)) fillDetails(row.querySelector(".more"), item);
}

const ACTIONS = {
  async open(row) {
    toggle(row, (inside) => fillDetails(inside, known.get(row.dataset.key)));
  },
  async cancel(row) {
    take([await askJson(`/conversions/${encodeURIComponent(row.dataset.key)}`, { method: "DELETE" })]);
  },
};

async function tryTo(work) {
  const problem = await work().then(() => "", (error) => error.message);
  writeOrHide(byId("list-trouble"), problem);
}

function downloadWithKey(event) {
  const link = event.target.closest("a[download]");
  if (!link || !keyOrNone()) return;
  event.preventDefault();
  tryTo(() => download(link));
}
