// The visitor's own conversions: this browser remembers them, because the API would list everybody's.

const KEY = "conveyor-mine";
const MOST = 100;

let kept = []; // where the browser keeps nothing for us

/** @returns {{id: string, name: string}[]} the newest first */
export function all() {
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    // Forbidden, or not ours: the list of this page alone.
  }
  return kept;
}

export const has = (id) => all().some((one) => one.id === id);

export const nameOf = (id) => all().find((one) => one.id === id)?.name;

export function add(id, name) {
  keep([{ id, name }, ...all().filter((one) => one.id !== id)].slice(0, MOST));
}

export function remove(ids) {
  keep(all().filter(({ id }) => !ids.includes(id)));
}

function keep(list) {
  kept = list;
  try {
    localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Full or forbidden: it lasts as long as the page.
  }
}
