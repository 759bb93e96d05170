// Pieces that several views share: severities, parties of an alert, times, empty panels, dialogs, toasts.

import { fill, h, name } from "./dom.js";
import { ago, full } from "./format.js";
import { has, said, t } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { now, state } from "./state.js";

/** The sentence of an alert as the monitor says it. */
export const summaryOf = (alert) => said(alert, "summary") ?? "";

/**
 * The sentence of an alert with names in the place of the addresses they belong to; the addresses stand in the detail.
 */
export function sentenceOf(alert) {
  let words = summaryOf(alert);
  for (const party of [alert.source, alert.target]) {
    const called = givenName(party) ?? party?.name;
    if (!called) continue;
    // A sentence that says both ("X and Y both use 10.0.0.5") is about the address too: only the station is named.
    for (const address of [party.mac, party.ip].filter(Boolean)) {
      const alone = new RegExp(`(^|[^0-9a-f:.])${address.replaceAll(".", "\\.")}(?![0-9a-f:]|\\.[0-9])`, "gu");
      const named = words.replace(alone, (_, before) => before + called);
      if (named === words) continue;
      // "10.0.0.5 (name)" needs its name once.
      words = named.replaceAll(`${called} (${called})`, called);
      break;
    }
  }
  return words;
}

// What its owner calls a device now, whatever it was called then. An alert about a name that a device was asked for, such
// as a domain, keeps that name.
function givenName(party) {
  const device = state.devices.get(party?.mac?.replaceAll(":", ""));
  return device?.name && (!party.name || device.names.some((n) => n.name === party.name)) ? device.name : null;
}

/** Mark and word of a severity. */
export const badge = (severity) =>
  h("span", { class: `badge ${severity}` }, mark(severity), t(`severity.${severity}`));

/** How long ago; the exact time in the tooltip. Kept fresh by `freshenTimes`. */
export function when(time) {
  const el = h("time", { datetime: time, title: full(time) });
  return setWhen(el, time);
}

/** Points a `when` at another time. */
export function setWhen(el, time) {
  if (el.dateTime !== time) {
    el.dateTime = time;
    el.title = full(time);
  }
  const words = ago(Date.parse(time), now());
  if (el.textContent !== words) el.textContent = words;
  return el;
}

/** The words for `id` around a time that stays fresh. */
export function timed(id, time) {
  const [before, after] = t(id, { time: "\n" }).split("\n");
  return [before, when(time), after];
}

/** Brings every relative time up to date. */
export function freshenTimes() {
  for (const el of document.querySelectorAll("time[datetime]")) setWhen(el, el.dateTime);
}

/** What to call a party of an alert. */
export const partyName = (party) => givenName(party) || party?.name || party?.ip || party?.mac || t("nobody");

/** The exact address of a party, for the tooltip. */
export const partyAddress = (party) =>
  [
    party?.ip &&
      (party.port
        ? party.ip.includes(":")
          ? `[${party.ip}]:${party.port}`
          : `${party.ip}:${party.port}`
        : party.ip),
    party?.mac,
  ]
    .filter(Boolean)
    .join(" · ");

/** `Printer → NAS`, addresses in the tooltips. */
export function parties(alert) {
  const one = (party) => name(partyName(party), { title: partyAddress(party) || partyName(party) });
  return [
    alert.source && one(alert.source),
    alert.source && alert.target && h("span", { class: "to", "aria-label": t("towards") }, " → "),
    alert.target && one(alert.target),
  ];
}

/** The page of the device behind a party, when its station is known. */
export const deviceHref = (party) => (party?.mac ? `/devices/${party.mac.replaceAll(":", "").toLowerCase()}` : null);

/** An empty panel that says why. */
export const empty = (title, why, ...more) =>
  h("div", { class: "empty" }, h("p", {}, title), why && h("p", { class: "muted" }, why), more);

/** Title, and a link to the page that tells more. */
export const cardHead = (title, href, label, ...more) =>
  h("header", { class: "card-head" }, h("h2", {}, title), more, href && h("a", { href, class: "more" }, label));

/** Words for a code, such as a kind of device; the code itself when there are none. */
export const word = (prefix, code) =>
  has(`${prefix}.${code}`) ? t(`${prefix}.${code}`) : String(code).replaceAll("_", " ");

/** A value of the evidence in the words of the page; what has none, such as a name, stays as it is. */
export function valueWord(value) {
  const text = String(value);
  if (has(`value.${text}`)) return t(`value.${text}`);
  const [, what, n] = text.match(/^(.+) (\d+)$/u) ?? [];
  if (has(`value.${what} #`)) return t(`value.${what} #`, { n });
  return text.includes(", ") ? text.split(", ").map(valueWord).join(", ") : text;
}

const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** The place where toasts appear; put into the page once. */
export const toasts = () => region;

/** Says something for a few seconds, to the eye and to screen readers; with an action (`label`, `act`) for longer. */
export function toast(text, tone = "", action = null) {
  const run = () => {
    el.remove();
    action.act();
  };
  const button = action && h("button", { type: "button", onclick: run }, action.label);
  const el = h("div", { class: `toast ${tone}` }, text, button);
  region.append(el);
  setTimeout(() => el.remove(), action ? 12_000 : 8000);
  return el;
}

const speaker = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
export const announcer = () => speaker;

/** Says something to screen readers only. */
export const announce = (text) => fill(speaker, text);

/**
 * A modal dialog with a form. `onsubmit` may throw: its words are shown and the dialog stays. Closed by Escape, its
 * cross, or a click beside it.
 */
export function dialog(title, content, { submit, onsubmit, tone } = {}) {
  const problem = h("p", { class: "problem", role: "alert" });
  const go = submit && h("button", { class: `primary ${tone ?? ""}`, type: "submit" }, submit);
  const cancel = h("button", { type: "button", onclick: () => el.close() }, t(submit ? "cancel" : "close"));
  const form = h(
    "form",
    { method: "dialog", onsubmit: send },
    content,
    problem,
    h("div", { class: "actions" }, go, cancel),
  );
  const cross = h(
    "button",
    { class: "plain", type: "button", "aria-label": t("close"), onclick: () => el.close() },
    icon("close"),
  );
  const head = h("header", {}, h("h2", { id: "dialog-title" }, title), cross);
  const el = h(
    "dialog",
    { "aria-labelledby": "dialog-title", onclose: () => el.remove(), onclick: beside },
    h("div", { class: "inner" }, head, form),
  );
  function beside(event) {
    if (event.target === el) el.close();
  }
  async function send(event) {
    event.preventDefault();
    if (!onsubmit) return el.close();
    go.disabled = true;
    try {
      await onsubmit(new FormData(form));
      el.close();
    } catch (error) {
      fill(problem, error.message);
    } finally {
      go.disabled = false;
    }
  }
  document.body.append(el);
  el.showModal();
  el.querySelector("[autofocus]")?.focus();
  return el;
}

/** A labelled field. */
export const field = (label, input, hint) =>
  h("label", { class: "field" }, h("span", {}, label), input, hint && h("small", {}, hint));
