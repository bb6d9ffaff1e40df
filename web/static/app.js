// The page: it starts its parts, and refreshes them while the page is visible.

import * as conversions from "./conversions.js";
import * as deadLetters from "./dead-letters.js";
import { byId, write } from "./dom.js";
import * as fleet from "./fleet.js";
import * as order from "./order.js";

const BUSY_S = 2;
const CALM_S = 5;
const FLEET_S = 3;

/** Do some work again and again, as long as the page is seen. */
function repeat(work, secondsNow) {
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

conversions.start();
deadLetters.start();
order.start(conversions.convert);
repeat(conversions.look, () => (conversions.isBusy() ? BUSY_S : CALM_S));
repeat(async () => deadLetters.look(await fleet.look()), () => FLEET_S);
