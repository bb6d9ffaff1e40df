// The HTTP API: requests, uploads, events and downloads, each with the key where one is needed.

import { byId, write } from "./dom.js";

const KEY = "conveyor-key";
const AWAY = "The server can’t be reached. It is asked again by itself.";
const BROKEN_OFF = "The upload broke off: the connection was lost, or the file is larger than the server takes.";

/** A request that was not answered as wished; its message is for the user. */
export class Problem extends Error {
  constructor(status, message, retryAfterS = 0) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** @returns {Promise<Response>} an answer below 400 */
export async function ask(path, { headers, ...options } = {}) {
  for (;;) {
    const key = keyOrNone();
    const answer = await fetch(path, { ...options, headers: { ...headers, ...bearer(key) } }).catch((error) => {
      throw options.signal?.aborted ? error : new Problem(0, AWAY);
    });
    if (answer.status === 401) await keyAfter(key);
    else if (answer.ok) return answer;
    else throw problemOf(answer.status, await answer.text(), answer.headers.get("Retry-After"));
  }
}

export const askJson = async (path, options) => (await ask(path, options)).json();

/**
 * Send a form. By XMLHttpRequest: fetch does not tell how much has been sent.
 *
 * @param {FormData} form
 * @param {string} attempt the idempotency key: sent again, it is the same conversion
 * @param {(fraction: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function upload(path, form, attempt, onProgress, signal) {
  for (;;) {
    signal.throwIfAborted(); // while the key was asked for
    const key = keyOrNone();
    const answer = await send(path, form, { ...bearer(key), "Idempotency-Key": attempt }, onProgress, signal);
    if (answer.status === 401) await keyAfter(key);
    else if (answer.status < 400) return JSON.parse(answer.responseText);
    else throw problemOf(answer.status, answer.responseText, answer.getResponseHeader("Retry-After"));
  }
}

function send(path, form, headers, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Problem(0, BROKEN_OFF));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/**
 * Follow server-sent events. Not by EventSource, which can't send a key.
 *
 * @param {string} after the last event that was seen, or ""
 * @param {(event: {id: string, data: object}) => void} onEvent
 */
export async function follow(path, after, onEvent, signal) {
  const answer = await ask(path, { signal, headers: after ? { "Last-Event-ID": after } : {} });
  if (answer.status === 204) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    blocks.map(parseEvent).filter(Boolean).forEach(onEvent);
  }
}

/** @returns the event of a block of lines; null for a comment */
function parseEvent(block) {
  const fields = Object.fromEntries(
    block.split("\n").map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 1).trim()]),
  );
  return fields.data ? { id: fields.id ?? "", data: JSON.parse(fields.data) } : null;
}

/** Let a link be followed with the key: a browser would ask without it. */
export async function download(link) {
  const address = URL.createObjectURL(await (await ask(link.getAttribute("href"))).blob());
  Object.assign(document.createElement("a"), { href: address, download: link.download }).click();
  // The browser reads it after the click; a minute is plenty to begin.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export const keyOrNone = () => sessionStorage.getItem(KEY);

const bearer = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

let asking = null;

/** A key other than the one that was refused; all who wait get the same. */
function keyAfter(refused) {
  if (keyOrNone() !== refused) return Promise.resolve();
  asking ??= askForKey(refused).finally(() => (asking = null));
  return asking;
}

function askForKey(refused) {
  const form = byId("key-form");
  const field = byId("key");
  const first = "This server wants one. It stays in this tab.";
  write(byId("key-hint"), refused ? "That key was refused. Is it whole?" : first);
  form.hidden = false;
  field.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      field.value = "";
      form.hidden = true;
      resolve();
    };
  });
}

function problemOf(status, text, retryAfter) {
  return new Problem(status, detailOf(text) ?? `The server answered ${status}.`, Number(retryAfter) || 0);
}

function detailOf(text) {
  try {
    const { detail, title } = JSON.parse(text);
    return detail ?? title ?? null;
  } catch {
    return null; // a proxy's own page
  }
}
