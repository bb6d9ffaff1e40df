// Uploads: two at a time, watched, broken off, tried again under the same key.

import { upload } from "./api.js";
import { say } from "./dom.js";
import { formatOf } from "./words.js";

// A browser has six connections to a server, for all its tabs. Streams and uploads must leave some.
const MAX_UPLOADS = 2;
const TOO_MANY = 429;

let attempts = []; // under way, and those that broke off; the newest first
let tell = { accepted() {}, changed() {} };
const sent = new Map(); // by conversion: {files, to, params}, as long as this page is open

export const attemptsNow = () => attempts;
export const isUploading = () => attempts.length > 0;
/** What a conversion was made of; undefined once the page was loaded anew. */
export const sourceOf = (id) => sent.get(id);

/** @param {{accepted: (attempt, conversion) => void, changed: () => void}} listener */
export function listen(listener) {
  tell = listener;
}

/**
 * @param {File[]} files
 * @param {string} to
 * @param {object} params ConvertAPI's
 * @param {string} replaces the conversion that this one is tried again for, or ""
 */
export function convert(files, to, params = {}, replaces = "") {
  const name = files.length === 1 ? files[0].name : `${files[0].name} and ${files.length - 1} more`;
  // Not randomUUID: plain HTTP on another host has none.
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const formats = { from_format: formatOf(files[0].name), to_format: to };
  attempts.unshift({ key, name, files, params, replaces, ...formats, state: "waiting", sent: 0, problem: "" });
  start();
}

/** Send again what was refused. */
export function again(key) {
  attempts.find((attempt) => attempt.key === key).state = "waiting";
  start();
}

/** @returns whether there was such an upload: it is given up */
export function drop(key) {
  const attempt = attempts.find((one) => one.key === key);
  forget(key);
  attempt?.stop?.abort(new Error("The upload was cancelled."));
  return Boolean(attempt);
}

function start() {
  const running = attempts.filter(({ state }) => state === "uploading" || state === "resting").length;
  attempts.filter(({ state }) => state === "waiting").reverse().slice(0, MAX_UPLOADS - running).forEach(send);
  tell.changed();
}

async function send(attempt) {
  Object.assign(attempt, { state: "uploading", sent: 0, problem: "", stop: new AbortController() });
  try {
    const onProgress = (fraction) => (attempt.sent = fraction);
    accepted(attempt, await upload("/conversions", formOf(attempt), attempt.key, onProgress, attempt.stop.signal));
  } catch (error) {
    if (error.status === TOO_MANY) return putOff(attempt, Math.max(error.retryAfterS, 1));
    Object.assign(attempt, { state: "refused", problem: error.message });
    say(`${attempt.name}: ${error.message}`);
  }
  start();
}

function formOf({ files, to_format: to, params }) {
  const form = new FormData();
  form.append("to", to);
  if (Object.keys(params).length) form.append("params", JSON.stringify(params));
  files.forEach((file) => form.append("file", file, file.name));
  return form;
}

/** Send it again later: by its key it stays one conversion. No other takes its place: all would be refused. */
function putOff(attempt, seconds) {
  const problem = `Too many requests. The upload continues in ${seconds} s.`;
  Object.assign(attempt, { state: "resting", sent: 0, problem });
  tell.changed();
  setTimeout(() => {
    attempt.state = "waiting";
    start();
  }, seconds * 1000);
}

function accepted(attempt, conversion) {
  forget(attempt.key);
  const { files, params, to_format: to } = attempt;
  sent.set(conversion.id, { files, params, to });
  tell.accepted(attempt, conversion);
}

function forget(key) {
  attempts = attempts.filter((attempt) => attempt.key !== key);
}
