// Talks to the server. Every failure becomes an `ApiError` with words for a person.

import { below } from "./base.js";
import { has, t } from "./i18n.js";

/** What went wrong: `status` 0 when the server was not reached; `fields` names what is wrong with each of several. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter, fields) {
    super(message);
    Object.assign(this, { status, code, retryAfter, fields });
  }
}

let onExpired = () => {};

/** Called when an answer says that there is no session (any more). */
export const whenExpired = (f) => (onExpired = f);

// In the language of the page; a code that has no words is told as the monitor says it.
function inWords({ code, message }) {
  // With a wrong code of a telephone the monitor tells its clock: a clock that is off is why most are wrong.
  const time = /clock of this monitor says ([^)]*)/.exec(message)?.[1];
  const id = `refusal.${code}${time ? ".clock" : ""}`;
  return has(id) ? t(id, { time, message }) : message;
}

async function problem(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    /* not JSON: the status must do */
  }
  const words = inWords(error) || t("error.status", { status: response.status });
  const wait = Number(response.headers.get("Retry-After")) || undefined;
  return new ApiError(response.status, error.code ?? "", words, wait, error.fields);
}

/** One request; answers the parsed JSON, or `null` when there is none. */
export async function request(method, path, body, { quiet401 = false } = {}) {
  const options = { method, headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" };
  options.signal = AbortSignal.timeout(10_000);
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(below(path), options);
  } catch {
    throw new ApiError(0, "unreachable", t("error.unreachable"));
  }
  if (!response.ok && path !== "/healthz") {
    if (response.status === 401 && !quiet401) onExpired();
    throw await problem(response);
  }
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, "not_json", t("error.not_json"));
  }
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body = {}, options) => request("POST", path, body, options);
export const patch = (path, body) => request("PATCH", path, body);
export const del = (path) => request("DELETE", path);

/** `?a=1&b=2` from the entries that are set. */
export function query(params) {
  const set = Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return set.length ? `?${new URLSearchParams(set)}` : "";
}
