// The few things that are done to the document again and again.

export const byId = (id) => document.getElementById(id);

/** A copy of a template's only element. */
export const copyOf = (template) => byId(template).content.firstElementChild.cloneNode(true);

/** Write a text, and touch nothing where it stands already: selections and screen readers stay calm. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Write a text, or hide its place where there is none. */
export function writeOrHide(node, text) {
  node.hidden = !text;
  write(node, text);
}

export function element(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

/**
 * Make a parent's children those of the items, in their order. A child stays the same node as long
 * as its item is there, with its focus and with what the user has opened in it.
 *
 * @param {Element} parent
 * @param {Array} items
 * @param {(item) => string} keyOf
 * @param {() => Element} make
 * @param {(node: Element, item) => void} fill
 */
export function keyed(parent, items, keyOf, make, fill) {
  const present = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const key = keyOf(item);
    const node = present.get(key) ?? make();
    present.delete(key);
    node.dataset.key = key;
    fill(node, item);
    return node;
  });
  const lost = [...present.values()].find((node) => node.contains(document.activeElement));
  const place = lost ? [...parent.children].indexOf(lost) : -1;
  present.forEach((node) => node.remove());
  nodes.forEach((node, place) => {
    const there = parent.children[place];
    if (there !== node) parent.insertBefore(node, there ?? null);
  });
  if (lost) focusNear(parent, place);
}

/** The focus was in a row that has gone: the one in its place gets it, or the list's heading. */
function focusNear(parent, place) {
  const near = parent.children[Math.min(place, parent.children.length - 1)];
  const target = near?.querySelector("button:not([hidden]), a[href]:not([hidden])");
  (target ?? parent.closest("section")?.querySelector("[tabindex='-1']"))?.focus();
}

/** Call back with the row and the name of each button that is pressed in a list. */
export function onButtons(list, act) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) act(button.dataset.do, button.closest("[data-key]"));
  });
}

/** Tell those who listen rather than look. */
export const say = (text) => write(byId("said"), text);
