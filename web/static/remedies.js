// What a visitor can do about a failure, as a small form below it.

import { write } from "./dom.js";

// ConvertAPI's longest time for a conversion.
const LONGEST_S = 1200;
// These make one of several documents.
const JOINING = ["merge", "zip"];
const WAYS = {
  give_password: { short: "Enter password", label: "Try again", asks: "Password" },
  allow_more_time: { short: "Allow more time", label: "Try again", params: { Timeout: LONGEST_S } },
  send_again: { short: "Send again", label: "Send again" },
  try_again: { short: "Try again", label: "Try again" },
  try_again_later: { short: "Try again", label: "Try again" },
  choose_another_format: { short: "Other format", label: "Choose another format", chooses: true },
};

/** @returns the first way that this page has; undefined where the advice alone must do */
export const wayOf = (failure) => failure?.remedies.map((name) => WAYS[name]).find(Boolean);

/**
 * The button in a failed row, and the form that it shows.
 *
 * @param {Element} row
 * @param way as `wayOf` has it
 * @param {boolean} hasSource whether the document is still at hand
 */
export function fillRemedy(row, way, { name, to }, hasSource) {
  const form = row.querySelector(".remedy");
  const opener = row.querySelector("[data-do=remedy]");
  opener.hidden = !way || !form.hidden;
  if (!way) return void (form.hidden = true);
  write(opener, way.short);
  opener.setAttribute("aria-label", `${way.short}: ${name}`);
  const [source, secret, button] = form.children;
  source.hidden = hasSource;
  source.lastElementChild.required = !hasSource;
  source.lastElementChild.multiple = JOINING.includes(to);
  secret.hidden = !way.asks;
  secret.lastElementChild.required = Boolean(way.asks);
  write(button, way.label);
  button.setAttribute("aria-label", `${way.label}: ${name}`);
}

/** Show the form where there is something to fill in, or do at once what it would. */
export function beginRemedy(row) {
  const form = row.querySelector(".remedy");
  form.hidden = false;
  row.querySelector("[data-do=remedy]").hidden = true;
  const field = [...form.querySelectorAll("input")].find((input) => input.required);
  if (field) field.focus();
  else form.requestSubmit();
}

/** @returns {{files: File[], params: object}} what the form says now */
export function readRemedy(form, way, sent) {
  const [source, secret] = [...form.querySelectorAll("input")];
  const given = way.asks ? { [way.asks]: secret.value } : {};
  return { files: sent?.files ?? [...source.files], params: { ...sent?.params, ...way.params, ...given } };
}
