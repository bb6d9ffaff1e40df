// What the operator wants to see of all that was loaded: by words, state, reason, account and time.

import { byId, element } from "./dom.js";
import { isInFlight, reasonWord, stateWord } from "./words.js";

const STATES = ["queued", "converting", "ready", "succeeded", "failed", "expired", "cancelled"];
const PAUSE_MS = 400; // of somebody who types

const texts = new WeakMap(); // by item: what is searched in it
const wanted = { words: [], state: "", reason: "", account: "", since: "" };

/**
 * @param {() => void} onChange
 * @param {(text: string) => void} onPause is called with the words when the typing pauses
 */
export function start(onChange, onPause) {
  byId("state").append(...STATES.map((state) => element("option", stateWord(state), { value: state })));
  let timer = 0;
  const read = () => {
    wanted.words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const name of ["state", "reason", "account", "since"]) wanted[name] = byId(name).value;
    onChange();
    clearTimeout(timer);
    timer = setTimeout(() => onPause(byId("text").value.trim()), PAUSE_MS);
  };
  byId("filter").addEventListener("input", read);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", () => {
    byId("filter").reset();
    read();
    byId("text").focus();
  });
}

export const isOn = () => wanted.words.length > 0 || Boolean(wanted.state || wanted.reason || wanted.account || wanted.since);

/** Whether a conversion or a dead letter is wanted. */
export function fits(item) {
  const { words, state, reason, account, since } = wanted;
  if (state && (state === "flying" ? !isInFlight(item) : item.state !== state)) return false;
  if (reason && item.failure?.reason !== reason) return false;
  if (account && item.account !== account) return false;
  if (since && Date.now() - Date.parse(item.created_at) > since * 1000) return false;
  return words.length === 0 || words.every((word) => textOf(item).includes(word));
}

function textOf(item) {
  if (!texts.has(item)) texts.set(item, searchedIn(item));
  return texts.get(item);
}

function searchedIn({ id, source_name: source, files, metadata, failure, from_format: from, to_format: to }) {
  const pairs = Object.entries(metadata ?? {}).map(([key, value]) => `${key}=${value}`);
  const names = files.map(({ name }) => name);
  return [id, source, ...names, ...pairs, failure?.message, from, to].join("\n").toLowerCase();
}

/** Offer the reasons and accounts that there are. One account needs no choice. */
export function offer(items) {
  offerIn(byId("reason"), new Set(items.map(({ failure }) => failure?.reason)), reasonWord);
  const accounts = new Set(items.map(({ account }) => account).filter(Boolean));
  offerIn(byId("account"), accounts, (account) => account.slice(0, 8));
  byId("account-choice").hidden = accounts.size < 2;
}

function offerIn(select, values, wordOf) {
  const there = new Set([...select.options].map(({ value }) => value));
  const missing = [...values].filter((value) => value && !there.has(value));
  select.append(...missing.map((value) => element("option", wordOf(value), { value })));
}
