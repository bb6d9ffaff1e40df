// How numbers and names are said.

const STATES = {
  queued: "Queued", converting: "Converting", ready: "Ready", succeeded: "Succeeded",
  failed: "Failed", expired: "Expired", cancelled: "Cancelled",
};
export const IN_FLIGHT = ["queued", "converting", "ready"];
const REASONS = {
  password: "Password needed", damaged: "Damaged document", empty: "Empty document",
  nothing_found: "Nothing found in it", unsupported: "Unsupported formats", too_large: "Too large",
  unreachable: "Source can’t be reached", missing: "Source is gone", parameters: "Wrong parameter",
  took_too_long: "Took too long", refused: "Refused", no_balance: "No balance left",
  credentials: "Credentials refused", not_allowed: "Not allowed",
  conversion_failed: "Conversion failed", service: "Service failed",
  waited_too_long: "Waited too long", forgotten: "Result was deleted",
  storage: "Storage failed", possibly_paid: "Possibly paid", unreadable: "Unreadable answer",
  internal: "Conveyor’s own error", missed_deadline: "Missed its deadline", cancelled: "Cancelled",
};
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

export const stateWord = (state) => STATES[state] ?? state;
/** One that a later release has brought is shown by its name. */
export const reasonWord = (reason) => REASONS[reason] ?? reason.replaceAll("_", " ");
export const isInFlight = (conversion) => IN_FLIGHT.includes(conversion?.state);

/** "1 poll", "2 polls". */
export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const pairOf = ({ from_format: from, to_format: to }) =>
  `${from ? from.toUpperCase() : "?"} → ${to.toUpperCase()}`;

export function bytes(size) {
  const step = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length - 1);
  const value = size / 1000 ** step;
  return `${value.toFixed(step && value < 10 ? 1 : 0)} ${UNITS[step]}`;
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** @param {string} time as the API writes it */
export function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return seconds < 10 ? "just now" : `${duration(seconds)} ago`;
}

/** A file name's extension, "" where it has none. */
export const formatOf = (name) => (name.includes(".") ? name.split(".").pop().toLowerCase() : "");
