// Dead letters by class: the cause, the cure, and what a replay costs, before it is paid.

import { LARGEST_PAGE, askJson } from "./api.js";
import { nameOf, take } from "./conversions.js";
import { byId, copyOf, keyed, onButtons, say, write, writeOrHide } from "./dom.js";
import { ago, pairOf } from "./words.js";

const HINTS = {
  input: "The document or a parameter is wrong. Its user can correct it.",
  service: "ConvertAPI failed or did not answer. Replay it later.",
  account: "ConvertAPI refused the account. Its owner can repair it.",
  expired: "No worker fetched the result within two hours.",
  storage: "The result could not be stored. Check the storage.",
  possibly_paid: "The job may have been started and paid. Check the account first.",
  unreadable: "It has been paid, and the answer can't be read: ConvertAPI's support can help.",
  internal: "An error of Conveyor's own: the worker's log has the traceback.",
};
const FEW = 3;
const MORE = 20;
// ConvertAPI's "the conversion took too long"; its longest time is the cure.
const TOO_LONG = 5000;
const LONGEST_S = 1200;

const limits = new Map(); // by class: how many are shown
const letters = new Map(); // by id
let classes = [];
let lookedAt = "";

export function start() {
  onButtons(byId("dead"), (name, row) => ACTIONS[name](row));
  byId("dead").addEventListener("keydown", (event) => {
    const letter = event.target.closest(".letter");
    if (event.key === "Escape" && letter && !letter.querySelector(".confirm").hidden) keep(letter);
  });
}

/** Refresh them only when the fleet's counts have changed, because they take many requests. */
export async function look(fleet) {
  const counts = fleet.dead_letters.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  const seen = JSON.stringify([counts, fleet.states.failed, fleet.states.expired]);
  if (seen === lookedAt) return show(); // times go by
  classes = await Promise.all(counts.map(withLetters));
  lookedAt = seen;
  show();
}

async function withLetters({ kind, count }) {
  const page = await askJson(`/dead-letters?kind=${kind}&limit=${limits.get(kind) ?? FEW}`);
  page.dead_letters.forEach((letter) => letters.set(letter.id, letter));
  return { kind, count, letters: page.dead_letters };
}

function show() {
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  write(byId("dead-count"), total ? total.toLocaleString("en") : "");
  byId("no-dead").hidden = total > 0;
  keyed(byId("dead"), classes, ({ kind }) => kind, () => copyOf("class"), fillClass);
}

function fillClass(section, { kind, count, letters: shown }) {
  write(section.querySelector(".kind"), kind.replace("_", " "));
  write(section.querySelector(".count"), count.toLocaleString("en"));
  write(section.querySelector(".hint"), HINTS[kind] ?? "");
  const more = section.querySelector("[data-do=more]");
  more.hidden = shown.length >= count || shown.length >= LARGEST_PAGE;
  more.setAttribute("aria-label", `Show more of class ${kind}`);
  keyed(section.querySelector(".letters"), shown, ({ id }) => id, () => copyOf("letter"), fillLetter);
}

function fillLetter(item, letter) {
  const { message, code } = letter.failure;
  write(item.querySelector(".name"), nameOf(letter));
  write(item.querySelector(".pair"), pairOf(letter));
  write(item.querySelector(".when"), ago(letter.finished_at));
  write(item.querySelector(".cause"), code ? `${message} (code ${code})` : message);
  const button = item.querySelector("[data-do=replay]");
  write(button, costOf(letter));
  button.setAttribute("aria-label", `${costOf(letter)}: ${nameOf(letter)}`);
}

function costOf({ replay_is_paid: isPaid, failure }) {
  if (!isPaid) return "Fetch again, free";
  return failure.code === TOO_LONG ? "Replay with 20 minutes, pays again" : "Replay, pays again";
}

const ACTIONS = {
  replay: (item) => (letters.get(item.dataset.key).replay_is_paid ? askFirst(item) : replay(item)),
  pay: replay,
  keep,
  async more(section) {
    const kind = section.dataset.key;
    limits.set(kind, Math.min((limits.get(kind) ?? FEW) + MORE, LARGEST_PAGE));
    classes = await Promise.all(classes.map(withLetters));
    show();
  },
};

/** In place, and "Not now" has the focus: a second press of the same key must not pay. */
function askFirst(item) {
  item.querySelector("[data-do=replay]").hidden = true;
  item.querySelector(".confirm").hidden = false;
  item.querySelector("[data-do=keep]").focus();
}

function keep(item) {
  item.querySelector(".confirm").hidden = true;
  item.querySelector("[data-do=replay]").hidden = false;
  item.querySelector("[data-do=replay]").focus();
}

async function replay(item) {
  const letter = letters.get(item.dataset.key);
  const buttons = [...item.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    take(await askJson(`/dead-letters/${encodeURIComponent(letter.id)}/replay`, orderOf(letter)));
    remove(letter);
    say(`${nameOf(letter)}: on its way again`);
  } catch (error) {
    writeOrHide(item.querySelector(".refusal"), error.message);
  }
  buttons.forEach((button) => (button.disabled = false));
}

function orderOf({ failure }) {
  if (failure.code !== TOO_LONG) return { method: "POST" };
  const body = JSON.stringify({ timeout: LONGEST_S });
  return { method: "POST", body, headers: { "Content-Type": "application/json" } };
}

function remove({ id, failure }) {
  const without = ({ kind, count, letters: shown }) => ({
    kind,
    count: count - 1,
    letters: shown.filter((letter) => letter.id !== id),
  });
  classes = classes.map((one) => (one.kind === failure.kind ? without(one) : one)).filter(({ count }) => count > 0);
  lookedAt = "";
  show();
  byId("dead-title").focus(); // the button is gone
}
