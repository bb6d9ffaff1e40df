// "Try it" below each operation: a form made of the OpenAPI document, and what the server answered.

import { askRaw } from "./api.js";
import { element, say, write } from "./dom.js";

const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";
const COSTS = {
  convert: "A conversion costs what ConvertAPI charges for it.",
  replayDeadLetter: "A replay may be paid again. Look at replay_is_paid first.",
};
const MOST_SHOWN = 200_000; // characters

let asked = null;

/** @returns {Promise<object>} the OpenAPI document, asked for once */
const documentNow = () => (asked ??= fetch("/openapi.json").then((answer) => answer.json()));

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.matches("details")) target.open = true;
}

async function prepare(details) {
  const found = operationCalled(await documentNow(), details.dataset.operation);
  details.append(makeForm(found));
}

function operationCalled(description, name) {
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.operationId === name) return { path, method: method.toUpperCase(), operation, description };
    }
  }
  throw new Error(`There is no operation ${name}.`);
}

function makeForm({ path, method, operation, description }) {
  const form = element("form", "", { className: "try" });
  const fields = element("div", "", { className: "fields" });
  const parameters = (operation.parameters ?? []).map((parameter) => [parameter, field(parameter.name, parameter)]);
  fields.append(...parameters.map(([, label]) => label));
  const body = makeBody(operation.requestBody?.content, description);
  fields.append(...body.labels);
  const send = element("button", "Send", { className: "primary" });
  const stop = element("button", "Stop", { type: "button", hidden: true });
  const buttons = element("div", "", { className: "buttons" });
  buttons.append(send, stop);
  const answer = element("div", "", { className: "answer" });
  form.append(element("h4", "Try it"), fields, ...warning(operation.operationId), buttons, answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const stopping = new AbortController();
    stop.onclick = () => stopping.abort();
    [send.disabled, stop.hidden] = [true, false];
    const request = { method, ...requestOf(parameters, body), signal: stopping.signal };
    await show(answer, addressOf(path, parameters), request);
    [send.disabled, stop.hidden] = [false, true];
  });
  return form;
}

const warning = (name) => (COSTS[name] ? [element("p", COSTS[name], { className: "hint" })] : []);

function field(name, { schema, required, in: place }) {
  const label = element("label");
  const choices = schema.enum ?? schema.allOf?.[0]?.enum;
  const input = choices
    ? element("select")
    : element("input", "", { autocomplete: "off", spellcheck: false, value: schema.default ?? "" });
  if (choices) input.append(element("option", "", { value: "" }), ...choices.map((value) => element("option", value, { value })));
  input.required = Boolean(required);
  label.append(element("span", `${name} (${place}${required ? ", required" : ""})`), input);
  return label;
}

const valueOf = (label) => label.lastElementChild.value.trim();

function addressOf(path, parameters) {
  const query = new URLSearchParams();
  let address = path;
  for (const [{ name, in: place }, label] of parameters) {
    const value = valueOf(label);
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    if (place === "query" && value) query.append(name, value);
  }
  return query.size ? `${address}?${query}` : address;
}

/** A body's fields: which form it has, and what goes into that. */
function makeBody(content, description) {
  if (!content) return { labels: [], read: () => ({}) };
  const forms = Object.entries(content).map(([type, { schema, example }]) => makePart(type, resolved(schema, description), example));
  const choice = field("Body", { schema: { enum: forms.map(({ type }) => type) }, in: "media type" });
  choice.className = "wide";
  const update = () => forms.forEach(({ type, labels }) => labels.forEach((label) => enable(label, type === valueOf(choice))));
  choice.addEventListener("input", update);
  update();
  const read = () => forms.find(({ type }) => type === valueOf(choice))?.read() ?? {};
  return { labels: [choice, ...forms.flatMap(({ labels }) => labels)], read };
}

function enable(label, isOn) {
  label.hidden = !isOn;
  label.lastElementChild.disabled = !isOn;
}

const resolved = (schema, { components }) => (schema?.$ref ? components.schemas[schema.$ref.split("/").pop()] : schema);

function makePart(type, schema, example) {
  if (type === JSON_TYPE) return jsonPart(type, example ?? schema.examples?.[0] ?? {});
  if (type === FORM_TYPE) return formPart(type, schema);
  return filePart(type);
}

function jsonPart(type, example) {
  const label = element("label", "", { className: "wide" });
  const area = element("textarea", "", { rows: 6, spellcheck: false, value: JSON.stringify(example, null, 2) });
  label.append(element("span", "JSON"), area);
  return { type, labels: [label], read: () => ({ body: area.value, headers: { "Content-Type": type } }) };
}

function formPart(type, { properties, required = [] }) {
  const labels = Object.entries(properties).map(([name, schema]) => {
    const label = field(name, { schema, in: "form", required: required.includes(name) });
    if (isFile(schema)) Object.assign(label.lastElementChild, { type: "file", multiple: true });
    label.lastElementChild.name = name;
    return label;
  });
  const read = () => {
    const form = new FormData();
    for (const { lastElementChild: input } of labels) {
      if (input.type === "file") [...input.files].forEach((file) => form.append(input.name, file, file.name));
      else if (input.value) form.append(input.name, input.value);
    }
    return { body: form };
  };
  return { type, labels, read };
}

const isFile = ({ format, items }) => format === "binary" || items?.format === "binary";

function filePart(type) {
  const label = element("label");
  const input = element("input", "", { type: "file", required: true });
  label.append(element("span", "The document"), input);
  return { type, labels: [label], read: () => ({ body: input.files[0], headers: { "Content-Type": type } }) };
}

function requestOf(parameters, body) {
  const own = parameters.filter(([{ in: place }, label]) => place === "header" && valueOf(label));
  const headers = Object.fromEntries(own.map(([{ name }, label]) => [name, valueOf(label)]));
  const { headers: bodys, ...rest } = body.read();
  return { ...rest, headers: { ...headers, ...bodys } };
}

async function show(place, address, request) {
  const line = element("p", `${request.method} ${address}`, { className: "said" });
  place.replaceChildren(line);
  const began = performance.now();
  try {
    const answer = await askRaw(address, request);
    const took = Math.round(performance.now() - began);
    write(line, `${answer.status} ${answer.statusText} after ${took} ms`);
    say(`Answered ${answer.status}`);
    await showBody(place, answer);
  } catch (error) {
    if (!request.signal.aborted) write(line, error.message);
  }
}

async function showBody(place, answer) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (answer.headers.has("Content-Disposition")) return place.append(linkTo(await answer.blob(), answer));
  const text = element("pre", "", { tabIndex: 0 });
  text.setAttribute("aria-label", "The answer’s body");
  text.setAttribute("role", "region");
  place.append(text);
  if (type.includes("json")) return write(text, JSON.stringify(await answer.json(), null, 2).slice(0, MOST_SHOWN));
  if (!answer.body) return text.remove();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done && text.textContent.length < MOST_SHOWN; part = await reader.read()) {
    text.append(part.value);
  }
}

function linkTo(blob, answer) {
  const name = decodeURIComponent(new URL(answer.url).pathname.split("/").pop());
  const link = element("a", `Save ${name}, ${blob.size.toLocaleString("en")} bytes`, { download: name });
  link.href = URL.createObjectURL(blob);
  return link;
}

for (const details of document.querySelectorAll("details[data-operation]")) {
  details.addEventListener("toggle", () => details.open && prepare(details), { once: true });
}
openTarget();
addEventListener("hashchange", openTarget);
