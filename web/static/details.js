// What a row of the operator's shows when it is opened.

import { element, write } from "./dom.js";
import { bytes, duration } from "./words.js";

/**
 * Open or close a row. Its inside is made when it is first needed, so that a thousand rows are light.
 *
 * @param {(inside: Element) => void} fill
 */
export function toggle(row, fill) {
  const button = row.querySelector(":scope > .line .open");
  const inside = row.querySelector(":scope > .more");
  const isOpen = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", isOpen);
  inside.hidden = !isOpen;
  if (isOpen) fill(inside);
}

export const isOpen = (row) => !row.querySelector(":scope > .more").hidden;

/** Everything that the API tells of a conversion, as pairs. */
export function fillDetails(inside, item) {
  const list = element("dl", "", { className: "facts" });
  for (const [name, value] of factsOf(item)) {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", value));
    list.append(pair);
  }
  if (inside.textContent !== list.textContent) inside.replaceChildren(list);
}

function* factsOf({ id, metadata, progress, failure, files, cost, polls, account, ...item }) {
  yield ["Id", id];
  for (const [key, value] of Object.entries(metadata ?? {})) yield [key, String(value)];
  if (failure) yield ["Failure", failure.code ? `${failure.message} (code ${failure.code})` : failure.message];
  if (progress.note) yield ["Note", progress.note];
  yield ["Accepted", timeOf(item.created_at)];
  if (item.submitted_at) yield ["Sent to ConvertAPI", timeOf(item.submitted_at)];
  if (item.ready_at) yield ["Result seen", timeOf(item.ready_at)];
  if (item.finished_at) yield ["Ended", `${timeOf(item.finished_at)}, after ${duration(progress.elapsed_s)}`];
  yield ["Paid", String(cost)];
  yield ["Polls", String(polls)];
  if (account) yield ["Account", account];
  for (const { name, size } of files) yield ["File", `${name}, ${bytes(size)}`];
}

const timeOf = (time) => new Date(time).toLocaleString("en-GB");

/** A row's name, which is what a screen reader says of its button. */
export const nameOf = ({ id, source_name: source, files }) => source || files[0]?.name || id.slice(0, 8);

/** Write a number beside a heading; nothing where it is 0. */
export const writeCount = (node, number) => write(node, number ? number.toLocaleString("en") : "");
