// One alert in full: who, whom, the numbers against their limits, what it means and what to do.

import { acknowledge, mute } from "./actions.js";
import { fill, h, name } from "./dom.js";
import { count, decimal, full, moment } from "./format.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { kind, kindTitle } from "./kinds.js";
import { badge, deviceHref, partyName, sentenceOf, when, word } from "./parts.js";
import { placeOf } from "./places.js";
import { now } from "./state.js";

const TEXTS = ["what", "why", "harmless", "todo", "silence"];

/** The panel's content. `changed(alert)` is called after an acknowledgement. */
export function alertDetail(alert, { close, changed }) {
  const about = kind(alert.kind);
  return [
    h(
      "header",
      {},
      badge(alert.severity),
      h("span", { class: "kind" }, kindTitle(alert.kind)),
      h("button", { class: "plain", type: "button", "aria-label": t("close"), onclick: close }, icon("close")),
    ),
    h("h2", { class: "name", title: alert.summary }, sentenceOf(alert)),
    h(
      "p",
      { class: "muted" },
      t("first seen"),
      " ",
      h("span", { title: full(alert.time) }, moment(alert.time, now())),
      " · ",
      t("last seen"),
      " ",
      when(alert.last_time),
      " · ",
      tn("times", alert.count),
    ),
    alert.acknowledged ? acknowledged(alert.acknowledged) : null,
    h(
      "div",
      { class: "actions" },
      !alert.acknowledged &&
        h(
          "button",
          { class: "primary", type: "button", "data-key": "e", onclick: () => acknowledge(alert, changed) },
          icon("check"),
          t("ack"),
        ),
      h("button", { type: "button", "data-key": "m", onclick: () => mute(alert) }, icon("mute"), t("mute")),
    ),
    about?.todo && h("section", { class: "todo" }, h("h3", {}, t("kind.todo")), h("p", {}, about.todo)),
    h(
      "section",
      { class: "parties" },
      party("who acts", alert.source, "source"),
      alert.target && party("whom", alert.target, "target"),
    ),
    evidence(alert, about),
    about &&
      TEXTS.filter((key) => key !== "todo" && about[key]).map((key) =>
        h("section", {}, h("h3", {}, t(`kind.${key}`)), h("p", {}, about[key])),
      ),
    alert.mitre?.length ? techniques(alert.mitre) : null,
    h(
      "p",
      { class: "muted fine" },
      `${t("alert")} ${alert.id} · `,
      h("a", { href: `/alerts?state=all&kind=${encodeURIComponent(alert.kind)}` }, t("all of kind")),
    ),
  ];
}

const acknowledged = ({ time, note }) =>
  h(
    "p",
    { class: "ack" },
    icon("check"),
    h("span", {}, t("ack.at", { time: moment(time, now()) }), note && h("q", { class: "name" }, note)),
  );

function party(label, subject, side) {
  if (!subject) return h("div", { class: "party" }, h("h3", {}, t(label)), h("p", { class: "muted" }, t("nobody")));
  const href = deviceHref(subject);
  const title = name(partyName(subject));
  const line = (key, value) => value && h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  const where = h("div", { hidden: true });
  placeOf(subject.ip).then((words) => {
    if (!words) return;
    fill(where, h("dt", {}, t("place")), h("dd", {}, words));
    where.hidden = false;
  });
  return h(
    "div",
    { class: "party" },
    h("h3", {}, t(label)),
    h("p", { class: "lead" }, href ? h("a", { href }, title) : title),
    h(
      "dl",
      {},
      line("address", subject.ip),
      line("port", subject.port && String(subject.port)),
      line("station", subject.mac),
      where,
    ),
    subject.ip &&
      h(
        "p",
        { class: "fine" },
        h("a", { href: `/alerts?state=all&${side}=${encodeURIComponent(subject.ip)}` }, t("its alerts")),
      ),
  );
}

// A number stands beside its limit: `<name>_threshold`, or, for the first number, a lone `threshold`; where there is
// none of these, the kind's setting of the same name.
function evidence(alert, about) {
  const entries = Object.entries(alert.evidence ?? {});
  const limits = about?.settings ?? {};
  const own = alert.evidence?.threshold;
  const first = entries.find(([k, v]) => typeof v === "number" && !isLimit(k))?.[0];
  const named = (key) => alert.evidence[`${key}_threshold`] ?? (own === undefined ? limits[key] : undefined);
  const limitOf = (key) => named(key) ?? (key === first ? own : undefined);
  const rows = entries.filter(([key]) => !isLimit(key) || (key === "threshold" && !first));
  if (!rows.length)
    return h("section", {}, h("h3", {}, t("evidence")), h("p", { class: "muted" }, t("evidence.none")));
  const limited = rows.some(([key]) => limitOf(key) !== undefined);
  const cell = (key, value) => h("td", { class: "num" }, value === undefined ? "" : shown(key, value));
  return h(
    "section",
    {},
    h("h3", {}, t("evidence")),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "data" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            [t("evidence.what"), t("evidence.measured"), limited && t("evidence.limit")]
              .filter(Boolean)
              .map((c, i) => h("th", { scope: "col", class: i ? "num" : "" }, c)),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map(([key, value]) =>
            h("tr", {}, h("th", { scope: "row" }, label(key)), cell(key, value), limited && cell(key, limitOf(key))),
          ),
        ),
      ),
    ),
  );
}

const isLimit = (key) => key === "threshold" || key.endsWith("_threshold");

const UNITS = { s: "s", ms: "ms", percent: "%", bytes: "B", bits: "bit" };
const unitOf = (key) => key.match(/_([a-z]+)$/)?.[1];

function label(key) {
  const bare = UNITS[unitOf(key)] && unitOf(key) !== "bytes" ? key.slice(0, key.lastIndexOf("_")) : key;
  const words = word("evidence", bare);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function shown(key, value) {
  if (typeof value === "number") {
    const unit = UNITS[unitOf(key)];
    const text = Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 10 ? 2 : 1);
    return unit ? `${text} ${unit}` : text;
  }
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (Array.isArray(value))
    return value.map((v) => (typeof v === "object" ? JSON.stringify(v) : String(v))).join(", ");
  return typeof value === "object" && value ? JSON.stringify(value) : String(value ?? "–");
}

function techniques(ids) {
  const link = (id) => {
    const known = /^T\d{4}(\.\d{3})?$/.test(id);
    const href = known && `https://attack.mitre.org/techniques/${id.replace(".", "/")}/`;
    return known
      ? h("a", { class: "tag", href, target: "_blank", rel: "noopener noreferrer" }, id)
      : h("span", { class: "tag" }, id);
  };
  return h("section", {}, h("h3", {}, t("mitre")), h("p", { class: "tags" }, ids.map(link)));
}
