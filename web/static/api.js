// The HTTP API: requests, uploads, events and downloads, each with the key where one is needed.

import { byId, write } from "./dom.js";

export const LARGEST_PAGE = 200; // as lists take it
const KEY = "conveyor-key";
const AWAY = "The server can’t be reached. Trying again.";
const BROKEN_OFF = "The upload broke off: the connection was lost, or the file is larger than the server accepts.";

/** A request that was not answered as wished; its message is for the user. */
export class Problem extends Error {
  constructor(status, message, retryAfterS = 0) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** @returns {Promise<Response>} an answer below 400 */
export async function ask(path, options) {
  return checked(await askRaw(path, options));
}

/** @returns {Promise<Response>} whatever was answered, but for the wish for a key */
export function askRaw(path, { headers, signal, ...options } = {}) {
  return withKey((keyHeaders) =>
    fetch(path, { ...options, signal, headers: { ...headers, ...keyHeaders } }).catch((error) => {
      throw signal?.aborted ? error : new Problem(0, AWAY);
    }),
  );
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
  const headers = { "Idempotency-Key": attempt };
  const answer = await withKey((key) => send(path, form, { ...headers, ...key }, onProgress, signal));
  return (await checked(answer)).json();
}

/** @returns {Promise<Response>} */
function send(path, form, headers, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted(); // while the key was asked for
    const request = new XMLHttpRequest();
    request.open("POST", path);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () => resolve(responseOf(request));
    request.onerror = () => reject(new Problem(0, BROKEN_OFF));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function responseOf(request) {
  const headers = { "Retry-After": request.getResponseHeader("Retry-After") ?? "" };
  return new Response(request.responseText, { status: request.status, headers });
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

/** Send with the key, and again once the user has given one where one is needed. */
async function withKey(sendWith) {
  for (;;) {
    const key = keyOrNone();
    const answer = await sendWith(key ? { Authorization: `Bearer ${key}` } : {});
    if (answer.status !== 401) return answer;
    await keyAfter(key);
  }
}

async function checked(answer) {
  if (answer.ok) return answer;
  throw await problemOf(answer);
}

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
  write(byId("key-hint"), refused ? "That key was refused. Check that you copied all of it." : first);
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

async function problemOf(answer) {
  const { detail, title } = await answer.json().catch(() => ({})); // a proxy's own page
  const message = detail ?? title ?? `The server answered ${answer.status}.`;
  return new Problem(answer.status, message, Number(answer.headers.get("Retry-After")) || 0);
}
