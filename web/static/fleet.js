// The fleet at a glance: what is in flight, how much succeeded, what holds accounts up.

import { askJson } from "./api.js";
import { byId, element, keyed, write } from "./dom.js";
import { IN_FLIGHT, duration, stateWord } from "./words.js";

const ENDED = ["succeeded", "failed", "expired", "cancelled"];
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 48;
// A quiet fleet's only conversion must not look like a peak.
const LEAST_PEAK = 4;
// The sweep rings for what is late within seconds; a minute late is worth a look.
const LATE_S = 60;

/** @returns the fleet, as the API tells it */
export async function look() {
  const fleet = await askJson("/fleet");
  byId("fleet").classList.remove("waiting");
  showCounts(byId("in-flight"), IN_FLIGHT, fleet.states);
  showCounts(byId("ended"), ENDED, fleet.states);
  showThroughput(fleet.throughput);
  showOverdue(fleet.oldest_overdue_s);
  const troubled = fleet.accounts.filter(({ held, rate }) => held || rate);
  keyed(byId("accounts"), troubled, ({ account }) => account, () => element("li"), fillAccount);
  byId("flower").hidden = !fleet.flower_url;
  if (fleet.flower_url) byId("flower").href = fleet.flower_url;
  return fleet;
}

function showCounts(list, states, counts) {
  keyed(list, states, (state) => state, makeCount, (item, state) => {
    item.dataset.state = state;
    write(item.firstChild, stateWord(state));
    write(item.lastChild, (counts[state] ?? 0).toLocaleString("en"));
    item.classList.toggle("none", !counts[state]);
  });
}

function makeCount() {
  const item = element("div");
  item.append(element("dt"), element("dd"));
  return item;
}

function showThroughput(minutes) {
  const total = minutes.reduce((sum, count) => sum + count, 0);
  const peak = Math.max(...minutes);
  const step = WIDTH / minutes.length;
  write(byId("throughput-total"), `${total.toLocaleString("en")} in ${minutes.length} min`);
  const picture = byId("throughput");
  const label = `${total} succeeded in the last ${minutes.length} minutes, at most ${peak} in one.`;
  picture.setAttribute("aria-label", label);
  picture.replaceChildren(
    ...minutes.map((count, minute) => bar(minute * step, step * 0.72, count / Math.max(peak, LEAST_PEAK))),
  );
}

/** A minute without any still has its mark: the axis. */
function bar(x, width, fraction) {
  const height = Math.max(fraction * HEIGHT, 1);
  const rectangle = document.createElementNS(SVG, "rect");
  const place = { x, width, height, y: HEIGHT - height };
  Object.entries(place).forEach(([name, value]) => rectangle.setAttribute(name, value.toFixed(1)));
  rectangle.setAttribute("class", fraction ? "some" : "none");
  return rectangle;
}

function showOverdue(seconds) {
  const line = byId("overdue");
  line.classList.toggle("late", seconds >= LATE_S);
  write(line, seconds ? `Something has been overdue for ${duration(seconds)}.` : "Nothing is overdue.");
}

function fillAccount(item, { account, held, rate }) {
  const what = held
    ? `is on hold: ${held.replace(/\.$/, "")}. Conversions wait, and none is lost.`
    : `is throttled to ${rate.toFixed(1)} submits a second. That grows again by itself.`;
  item.className = held ? "held" : "";
  write(item, `Account ${account.slice(0, 8)} ${what}`);
}
