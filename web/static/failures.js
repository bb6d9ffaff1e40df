// Dead letters, each failure told once: its cause, its cure, and what a replay of all of it costs.

import { LARGEST_PAGE, askJson } from "./api.js";
import { fillDetails, isOpen, nameOf, toggle, writeCount } from "./details.js";
import { byId, copyOf, keyed, onButtons, write, writeOrHide } from "./dom.js";
import * as filter from "./filter.js";
import { askFirst, replayAll } from "./replaying.js";
import { ago, counted, pairOf, reasonWord } from "./words.js";

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
const MOST = 1000; // are loaded
const FEW = 50; // of a group are shown at first
const FURTHER = 100;
const REST_MS = 10_000; // between two loads of many: an incident changes the counts all the time

const limits = new Map(); // by group: how many are shown
let letters = [];
let total = 0;
let groups = [];
let seen = "";
let loadedAt = 0;

export function start() {
  onButtons(byId("failures"), (name, row) => ACTIONS[name]?.[row.classList.contains("group") ? "group" : "letter"]?.(row));
  byId("replay-all").addEventListener("click", ({ target }) => {
    askFirst(byId("replay-shown"), target, groups.flatMap((group) => group.letters), replayed);
  });
}

/** Load them only when the fleet's counts have changed, because they take many requests. */
export async function look(fleet) {
  const counts = fleet.dead_letters.filter(({ count }) => count > 0);
  const now = JSON.stringify([counts, fleet.states.failed, fleet.states.expired]);
  if (now !== seen && Date.now() - loadedAt > (letters.length > LARGEST_PAGE ? REST_MS : 0)) {
    letters = await load();
    [seen, loadedAt] = [now, Date.now()];
    total = counts.reduce((sum, { count }) => sum + count, 0);
    filter.offer(letters);
  }
  show();
}

async function load() {
  const found = [];
  for (let path = `/dead-letters?limit=${LARGEST_PAGE}`; path && found.length < MOST; ) {
    const page = await askJson(path);
    found.push(...page.dead_letters);
    path = page.next;
  }
  return found;
}

export function show() {
  groups = groupsOf(letters.filter(filter.fits));
  const count = groups.reduce((sum, group) => sum + group.letters.length, 0);
  keyed(byId("failures"), groups, ({ key }) => key, () => copyOf("group"), fillGroup);
  byId("failures").hidden = count === 0;
  writeCount(byId("failures-count"), filter.isOn() ? count : total);
  const none = filter.isOn() && letters.length ? "No failure fits." : "No failures. Good.";
  writeOrHide(byId("no-failures"), count || !loadedAt ? "" : none);
  const all = byId("replay-all");
  write(all, `Replay ${count.toLocaleString("en")}…`);
  if (!byId("replay-shown").hasChildNodes()) all.hidden = groups.length < 2;
}

/** Those with the same reason, code and account are one failure; the most frequent comes first. */
function groupsOf(found) {
  const byKey = new Map();
  for (const letter of found) {
    const { kind, reason, code } = letter.failure;
    const key = [kind, reason, code, letter.account ?? ""].join("/");
    if (!byKey.has(key)) byKey.set(key, { key, letters: [] });
    byKey.get(key).letters.push(letter);
  }
  return [...byKey.values()].sort((a, b) => b.letters.length - a.letters.length || a.key.localeCompare(b.key));
}

function fillGroup(row, { key, letters: inside }) {
  const { kind, reason, code, message } = inside[0].failure;
  const part = (selector) => row.querySelector(selector);
  write(part(".name"), reasonWord(reason));
  writeCount(part(".count"), inside.length);
  write(part(".cause"), code ? `${message} (code ${code})` : message);
  write(part(".hint"), HINTS[kind] ?? "");
  const button = part(".line [data-do=replay]");
  write(button, `${wordOf(inside)}…`);
  button.setAttribute("aria-label", `${wordOf(inside)}: ${counted(inside.length, "conversion")}, ${reasonWord(reason)}`);
  if (isOpen(row)) fillLetters(row, key, inside);
}

function fillLetters(row, key, inside) {
  const limit = limits.get(key) ?? FEW;
  keyed(row.querySelector(".letters"), inside.slice(0, limit), ({ id }) => id, () => copyOf("letter"), fillLetter);
  row.querySelector("[data-do=further]").hidden = inside.length <= limit;
}

function fillLetter(row, letter) {
  write(row.querySelector(".name"), nameOf(letter));
  write(row.querySelector(".pair"), pairOf(letter));
  write(row.querySelector(".when"), ago(letter.finished_at));
  const button = row.querySelector(".line [data-do=replay]");
  write(button, wordOf([letter]));
  button.setAttribute("aria-label", `${wordOf([letter])}: ${nameOf(letter)}`);
  if (isOpen(row)) fillDetails(row.querySelector(".more"), letter);
}

function wordOf(some) {
  return some.some((letter) => letter.replay_is_paid) ? "Replay, paid" : "Fetch, free";
}

const groupOf = (row) => groups.find(({ key }) => key === row.dataset.key);
const letterOf = (row) => letters.find(({ id }) => id === row.dataset.key);
const placeOf = (row) => row.querySelector(":scope > .replaying");
const buttonOf = (row) => row.querySelector(":scope > .line [data-do=replay]");

const ACTIONS = {
  open: {
    group: (row) => toggle(row, () => fillLetters(row, row.dataset.key, groupOf(row).letters)),
    letter: (row) => toggle(row, (inside) => fillDetails(inside, letterOf(row))),
  },
  further: {
    group(row) {
      limits.set(row.dataset.key, (limits.get(row.dataset.key) ?? FEW) + FURTHER);
      show();
    },
  },
  replay: {
    group: (row) => askFirst(placeOf(row), buttonOf(row), groupOf(row).letters, replayed),
    letter(row) {
      const letter = letterOf(row);
      const begin = letter.replay_is_paid ? askFirst : replayAll;
      begin(placeOf(row), buttonOf(row), [letter], replayed);
    },
  },
};

function replayed(letter) {
  letters = letters.filter(({ id }) => id !== letter.id);
  total -= 1;
  show();
}
