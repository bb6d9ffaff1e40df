// A replay of one or many dead letters: its price first, then one after the other.

import { askJson } from "./api.js";
import { copyOf, element, say, write } from "./dom.js";
import { counted } from "./words.js";

// ConvertAPI's "the conversion took too long"; its longest time is the cure.
const TOO_LONG = 5000;
const LONGEST_S = 1200;
const TOO_MANY = 429;
const GONE = 404; // somebody else has replayed it
const MOST_REFUSED = 3; // in a row: the rest would be, too

const busy = new WeakSet(); // places with a replay under way

const isTooLong = ({ failure }) => failure.code === TOO_LONG;

/** What a replay of these costs, in a sentence. */
export function priceOf(letters) {
  const paid = letters.filter((letter) => letter.replay_is_paid).length;
  const free = letters.length - paid;
  const longer = letters.some(isTooLong) ? " What took too long gets 20 minutes." : "";
  const again = `${counted(paid, "conversion")} will be paid again.${longer}`;
  if (!free) return again;
  const fetched = `${counted(free, "paid result")} will be fetched again, for nothing.`;
  return paid ? `${again} ${fetched}` : fetched;
}

/**
 * Ask in place. "Not now" has the focus: a second press of the same key must not pay.
 *
 * @param {Element} place where the question stands
 * @param {Element} button what was pressed; it gets the focus back
 * @param {(letter, conversion) => void} onReplayed
 */
export function askFirst(place, button, letters, onReplayed) {
  const box = copyOf("confirm");
  write(box.querySelector("p"), priceOf(letters));
  const isPaid = letters.some((letter) => letter.replay_is_paid);
  write(box.querySelector("[data-do=pay]"), isPaid ? `Pay and replay ${letters.length}` : `Fetch ${letters.length}`);
  const close = () => {
    place.replaceChildren();
    button.hidden = false;
    button.focus();
  };
  box.querySelector("[data-do=keep]").onclick = close;
  box.querySelector("[data-do=pay]").onclick = () => replayAll(place, button, letters, onReplayed);
  box.onkeydown = (event) => event.key === "Escape" && close();
  button.hidden = true;
  place.replaceChildren(box);
  box.querySelector("[data-do=keep]").focus();
}

/** One after the other, so that it can be stopped, and so that no limit is met. */
export async function replayAll(place, button, letters, onReplayed) {
  if (busy.has(place)) return; // a second press
  busy.add(place);
  const line = element("p", "", { className: "hint" });
  const bar = element("progress", "", { max: letters.length, value: 0 });
  const stop = element("button", "Stop", { type: "button" });
  bar.setAttribute("aria-label", "Replayed");
  let stopped = false;
  stop.onclick = () => (stopped = true);
  if (letters.length > 1) place.replaceChildren(line, bar, stop);
  if (letters.length > 1) stop.focus();
  const refused = [];
  let replayed = 0;
  let inARow = 0;
  for (const letter of letters) {
    if (stopped || inARow === MOST_REFUSED) break;
    write(line, `${replayed} of ${letters.length} replayed`);
    const problem = await replayOne(letter, onReplayed);
    if (problem) refused.push(problem);
    else replayed += 1;
    inARow = problem ? inARow + 1 : 0;
    bar.value = replayed;
  }
  busy.delete(place);
  end(place, button, { replayed, refused, total: letters.length });
}

function end(place, button, { replayed, refused, total }) {
  const done = `${replayed} of ${total} ${total === 1 ? "is" : "are"} on their way again.`;
  const told = total === 1 ? (replayed ? "It is on its way again." : "") : done;
  say([told, refused[0]].filter(Boolean).join(" "));
  button.hidden = false;
  const had = place.contains(document.activeElement);
  place.replaceChildren(...(refused.length ? [element("p", `${total > 1 ? done : ""} ${refused[0]}`.trim(), { className: "refusal" })] : []));
  if (had) (button.isConnected && button.checkVisibility() ? button : place.closest("section").querySelector("h2")).focus();
}

/** @returns {Promise<string>} why it was refused, "" when it was not */
async function replayOne(letter, onReplayed) {
  for (;;) {
    try {
      onReplayed(letter, await askJson(`/dead-letters/${encodeURIComponent(letter.id)}/replay`, orderOf(letter)));
      return "";
    } catch (error) {
      if (error.status === GONE) onReplayed(letter, null);
      if (error.status !== TOO_MANY) return error.message;
      await new Promise((resolve) => setTimeout(resolve, Math.max(error.retryAfterS, 1) * 1000));
    }
  }
}

function orderOf(letter) {
  if (!isTooLong(letter)) return { method: "POST" };
  const body = JSON.stringify({ timeout: LONGEST_S });
  return { method: "POST", body, headers: { "Content-Type": "application/json" } };
}
