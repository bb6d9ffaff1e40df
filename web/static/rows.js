// A row of the list: how a conversion, or an upload, is seen.

import { copyOf, element, keyed, write, writeOrHide } from "./dom.js";
import { IN_FLIGHT, ago, bytes, counted, duration, metadataText, pairOf, stateWord } from "./words.js";

export const isInFlight = (conversion) => IN_FLIGHT.includes(conversion?.state);

export const makeRow = () => copyOf("conversion");

/** @param {number} at when it was looked at, as Date.now() tells */
export function fillConversion(row, conversion, name, at) {
  fillFiles(row, conversion.files);
  fill(row, conversion, viewOf(conversion, name, at));
}

/** An upload that is under way, or was refused. */
export function fillAttempt(row, attempt) {
  fill(row, attempt, viewOfAttempt(attempt));
}

function fill(row, item, view) {
  const part = (selector) => row.querySelector(selector);
  row.dataset.state = item.state;
  row.setAttribute("aria-label", view.name);
  write(part(".name"), view.name);
  write(part(".pair"), pairOf(item));
  write(part(".state"), view.word);
  write(part(".facts"), view.facts.filter(Boolean).join(" · "));
  writeOrHide(part(".note"), view.note);
  part(".note").lang = view.language ?? "en";
  fillSteps(part(".steps"), view);
  for (const button of row.querySelectorAll("button")) {
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
  const { state, progress, failure, polls, cost, files } = conversion;
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
    buttons: flying ? ["cancel"] : [],
    facts: [
      duration(elapsed) + expected,
      progress.late ? "taking longer than usual" : "",
      counted(polls, "poll"),
      cost ? `cost ${cost}` : "",
      files.length === 1 ? bytes(files[0].size) : files.length ? counted(files.length, "file") : "",
      flying ? "" : ago(conversion.finished_at ?? conversion.created_at),
      metadataText(conversion.metadata),
    ],
    step: IN_FLIGHT.indexOf(state),
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
