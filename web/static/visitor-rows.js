// A row of the visitor's list: one line, which opens.

import { copyOf, element, keyed, write, writeOrHide } from "./dom.js";
import { fillRemedy, wayOf } from "./remedies.js";
import { IN_FLIGHT, ago, bytes, counted, duration, isInFlight, pairOf, stateWord } from "./words.js";

export const makeRow = () => copyOf("conversion");

/** Open or close a row. */
export function open(row) {
  const button = row.querySelector(".open");
  const isOpen = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", isOpen);
  row.querySelector(".more").hidden = !isOpen;
  row.classList.toggle("opened", isOpen);
}

/**
 * @param {number} at when it was looked at, as Date.now() tells
 * @param {boolean} hasSource whether its document is at hand
 */
export function fillConversion(row, conversion, name, at, hasSource) {
  fillFiles(row, conversion.files);
  fill(row, conversion, viewOf(conversion, name, at));
  const failure = conversion.state === "cancelled" ? null : conversion.failure;
  fillRemedy(row, wayOf(failure), { name, to: conversion.to_format }, hasSource);
}

/** An upload that is under way, or was refused. */
export function fillAttempt(row, attempt) {
  fill(row, attempt, viewOfAttempt(attempt));
}

function fill(row, item, view) {
  const part = (selector) => row.querySelector(selector);
  row.dataset.state = item.state;
  write(part(".name"), view.name);
  write(part(".pair"), pairOf(item));
  write(part(".state"), view.word);
  write(part(".facts"), view.facts.filter(Boolean).join(" · "));
  writeOrHide(part(".note"), view.note);
  part(".note").lang = view.language ?? "en";
  fillBar(part(".bar"), view);
  fillSteps(part(".steps"), view);
  for (const button of row.querySelectorAll("button[data-do]:not(.open, [data-do=remedy])")) {
    button.hidden = !view.buttons.includes(button.dataset.do);
    button.setAttribute("aria-label", `${button.textContent} ${view.name}`);
  }
}

function viewOfAttempt({ name, files, state, sent, problem }) {
  const words = { waiting: "Waiting to upload", resting: "Waiting to upload", refused: "Not accepted" };
  const refused = state === "refused";
  return {
    name,
    word: words[state] ?? `Uploading ${Math.floor(sent * 100)} %`,
    note: problem,
    buttons: refused ? ["again", "dismiss"] : ["cancel"],
    facts: [bytes(files.reduce((sum, file) => sum + file.size, 0))],
    step: refused ? -1 : 0,
    fraction: sent,
    first: "Uploading",
  };
}

function viewOf(conversion, name, at) {
  const { state, progress, failure, cost, files } = conversion;
  const flying = isInFlight(conversion);
  const since = (Date.now() - at) / 1000;
  const elapsed = progress.elapsed_s + (flying ? since : 0);
  const isAhead = flying && progress.expected_s > elapsed;
  const expected = isAhead ? ` of about ${duration(progress.expected_s)}` : "";
  return {
    name,
    word: stateWord(state),
    note: failure && state !== "cancelled" ? `${failure.sentence} ${failure.advice}` : flying ? progress.note : "",
    language: failure?.language,
    buttons: flying ? ["cancel"] : ["dismiss"],
    facts: [
      duration(elapsed) + expected,
      progress.late ? "taking longer than usual" : "",
      cost ? `cost ${cost}` : "",
      files.length === 1 ? bytes(files[0].size) : files.length ? counted(files.length, "file") : "",
      flying ? "" : ago(conversion.finished_at ?? conversion.created_at),
    ],
    step: IN_FLIGHT.indexOf(state),
    fraction: progress.held ? 0 : state === "converting" ? progress.fraction : null,
    first: "Queued",
  };
}

function keptText({ files, files_until: until }) {
  if (files.some((file) => file.removed_at)) return "no longer kept";
  return until && files.length ? `kept until ${new Date(until).toLocaleString("en-GB")}` : "";
}

/** The thin line below a closed row: how far the step is that it is at. */
function fillBar(bar, { step, fraction }) {
  bar.hidden = step < 0;
  if (step < 0) return;
  if (fraction === null) bar.removeAttribute("value");
  else bar.value = fraction;
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
  const there = files.filter((file) => !file.removed_at);
  const link = row.querySelector(".download");
  const cancel = row.querySelector("[data-do=cancel]");
  link.hidden = there.length !== 1;
  if (!link.hidden) aim(link, there[0]);
  if (!link.hidden && document.activeElement === cancel) link.focus(); // the button goes
  const list = row.querySelector(".files");
  list.hidden = there.length < 2;
  if (list.hidden) return;
  keyed(list, there, ({ href }) => href, makeFile, (item, file) => {
    aim(item.firstChild, file);
    write(item.firstChild, file.name);
  });
}

function makeFile() {
  const item = element("li");
  item.append(element("a"));
  return item;
}

/** Let a link lead to a result file. */
export function aim(link, { href, name, size }) {
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  link.download = name;
  link.setAttribute("aria-label", `Download ${name}, ${bytes(size)}`);
}
