// Both parties of an alert as devices, and what else they did around it.

import { get, query } from "./api.js";
import { fill, h, name } from "./dom.js";
import { clock, moment } from "./format.js";
import { deviceOf } from "./filter.js";
import { t, tn } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { deviceHref, partyName, sentenceOf, summaryOf, word } from "./parts.js";
import { placeOf } from "./places.js";
import { now } from "./state.js";

const AROUND_MS = 3_600_000;
const AROUND_ROWS = 12;

/** Who acts and on whom. */
export const bothParties = (alert) =>
  h("section", { class: "parties" }, party("who acts", alert.source), alert.target && party("whom", alert.target));

function party(label, subject) {
  if (!subject) return h("div", { class: "party" }, h("h3", {}, t(label)), h("p", { class: "muted" }, t("nobody")));
  const line = (key, value) => value && h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  const who = h("div", {});
  const where = h("div", { hidden: true });
  const known = deviceOf(subject.mac) ?? deviceOf(subject.ip);
  fill(who, deviceLine(subject, known));
  if (known === undefined && subject.mac) {
    get(`/api/devices/${encodeURIComponent(subject.mac.replaceAll(":", ""))}`).then(
      (device) => fill(who, deviceLine(subject, device)),
      () => {},
    );
  }
  placeOf(subject.ip).then((words) => {
    if (!words) return;
    fill(where, h("dt", {}, t("place")), h("dd", { class: "place" }, words));
    where.hidden = false;
  });
  return h(
    "div",
    { class: "party" },
    h("h3", {}, t(label)),
    who,
    h("dl", {}, line("address", subject.ip), line("port", subject.port && String(subject.port)), line("station", subject.mac), where),
    (subject.mac || subject.ip) && h("p", { class: "fine" }, h("a", { href: alertsOf(subject) }, t("its alerts"))),
  );
}

function deviceLine(subject, device) {
  // An alert about a name that a device was asked for, such as a domain, is about that name.
  const own = device && (!subject.name || [device.name, ...device.names.map((n) => n.name)].includes(subject.name));
  const title = name(own ? device.label : partyName(subject));
  const href = device ? `/devices/${encodeURIComponent(device.id)}` : deviceHref(subject);
  const facts = device && [!own && device.label, device.vendor, device.kind !== "unknown" && word("kind", device.kind)].filter(Boolean);
  const risk = device?.risk > 0 && t("party.risk", { n: device.risk });
  return [
    h("p", { class: "lead" }, device && icon(device.kind), href ? h("a", { href }, title) : title),
    device && h("p", { class: "muted fine" }, [...facts, risk].filter(Boolean).join(" · ")),
  ];
}

// All station addresses of the device: it may have used another then.
const handle = (subject) => deviceOf(subject?.mac)?.macs.join(",") || subject?.mac || subject?.ip;

const alertsOf = (subject) => `/alerts${query({ state: "all", q: `ip:${handle(subject)}` })}`;

/** Other alerts of either party within an hour around this one; empty at first. */
export function around(alert) {
  const who = [handle(alert.source), handle(alert.target)].filter(Boolean).join(",");
  const body = h("div", {}, h("p", { class: "muted" }, t("loading")));
  const section = h("section", { class: "around" }, h("h3", {}, t("around")), body);
  if (!who) return null;
  const since = new Date(Date.parse(alert.time) - AROUND_MS).toISOString();
  const until = new Date(Date.parse(alert.last_time) + AROUND_MS).toISOString();
  const q = `ip:${who} -id:${alert.id}`;
  get(`/api/alerts${query({ q, since, until, limit: AROUND_ROWS })}`).then(
    ({ alerts, total }) => {
      const rows = [...alerts].sort((a, b) => Date.parse(a.time) - Date.parse(b.time)).map((a) => row(a, alert));
      const rest = total > alerts.length && h("p", { class: "fine" }, h("a", { href: `/alerts${query({ state: "all", q, since, until })}` }, tn("around.all", total)));
      fill(body, rows.length ? h("ol", { class: "timeline" }, rows) : h("p", { class: "muted" }, t("around.none")), rest);
    },
    (error) => fill(body, h("p", { class: "muted" }, error.message)),
  );
  return section;
}

function row(other, alert) {
  const [at, mine] = [Date.parse(other.time), Date.parse(alert.time)];
  const sameDay = new Date(at).toDateString() === new Date(mine).toDateString();
  return h(
    "li",
    {},
    h("time", { datetime: other.time, class: "muted" }, sameDay ? clock(at) : moment(at, now())),
    mark(other.severity),
    h("a", { href: `/alerts?state=all&id=${other.id}`, class: "name", title: summaryOf(other) }, sentenceOf(other)),
    h("small", {}, t(at < mine ? "around.before" : "around.after")),
  );
}
