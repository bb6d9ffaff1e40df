// What every page does: it refreshes its parts while it is seen, and says whether the server answers.

import { byId, write } from "./dom.js";

const CALM_S = 5;

/** Do some work again and again, as long as the page is seen. */
export function repeat(work, secondsNow) {
  let timer = 0;
  let running = false;
  async function run() {
    clearTimeout(timer);
    if (running || document.hidden) return;
    running = true;
    const waitS = await work().then(() => well(secondsNow()), ill);
    running = false;
    timer = setTimeout(run, waitS * 1000);
  }
  document.addEventListener("visibilitychange", run);
  run();
}

function well(waitS) {
  show("yes", "Live");
  return waitS;
}

function ill(error) {
  show("no", error.message);
  return Math.max(error.retryAfterS ?? 0, CALM_S);
}

function show(isWell, text) {
  byId("health").dataset.well = isWell;
  write(byId("health"), text);
}
