// One alert in full: who, whom, the numbers against their limits, what it means and what to do.

import { acknowledge, mute } from "./actions.js";
import { fill, h, name } from "./dom.js";
import { count, decimal, full, moment } from "./format.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { kind, kindTitle } from "./kinds.js";
import { badge, deviceHref, partyName, sentenceOf, summaryOf, valueWord, when, word } from "./parts.js";
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
    h("h2", { class: "name", title: summaryOf(alert) }, sentenceOf(alert)),
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
          { class: "primary", type: "button", "data-key": "e", "data-change": true, onclick: () => acknowledge(alert, changed) },
          icon("check"),
          t("ack"),
        ),
      h("button", { type: "button", "data-key": "m", "data-change": true, onclick: () => mute(alert) }, icon("mute"), t("mute")),
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
    fill(where, h("dt", {}, t("place")), h("dd", { class: "place" }, words));
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

// A number stands beside its limit, when the names say which belongs to which; a limit whose number is not named so has
// a row of its own.
function evidence(alert, about) {
  const entries = Object.entries(alert.evidence ?? {});
  const measured = entries.filter(([key]) => !isLimit(key));
  const limits = new Map();
  const alone = [];
  for (const [key, value] of entries.filter(([k]) => isLimit(k))) {
    const owner = ownerOf(key, value, measured, about?.settings ?? {});
    if (owner && !limits.has(owner)) limits.set(owner, value);
    else alone.push([key, value]);
  }
  const set = (key) => (limits.size || alone.length ? undefined : about?.settings?.[key]);
  const rows = [
    ...measured.map(([key, value]) => [key, value, limits.get(key) ?? set(key)]),
    ...alone.map(([key, value]) => [key, undefined, value]),
  ];
  if (!rows.length)
    return h("section", {}, h("h3", {}, t("evidence")), h("p", { class: "muted" }, t("evidence.none")));
  const limited = rows.some((row) => row[2] !== undefined);
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
          rows.map(([key, value, limit]) =>
            h("tr", {}, h("th", { scope: "row" }, label(key)), cell(key, value), limited && cell(key, limit)),
          ),
        ),
      ),
    ),
  );
}

const isLimit = (key) => /(^|_)threshold(_|$)/.test(key);

// The name of the number that a limit is for: `loss` of `loss_threshold`, `spread_percent` of `threshold_percent`; where
// the names leave it open, the number whose setting has that value.
function ownerOf(key, value, measured, settings) {
  const bare = key.replace(/_?threshold_?/, (m, at) => (at && m.endsWith("_") ? "_" : ""));
  const numbers = measured.filter(([k, v]) => typeof v === "number" && !k.endsWith("_s")).map(([k]) => k);
  if (bare && numbers.includes(bare)) return bare;
  const like = bare ? numbers.filter((k) => k.endsWith(`_${bare}`)) : numbers;
  const set = (k) => Object.entries(settings).some(([s, v]) => v === value && (s === k || s.endsWith(`_${k}`)));
  return like.length === 1 ? like[0] : (like.find((k) => settings[k] === value) ?? like.find(set));
}

const UNITS = { s: "s", ms: "ms", percent: "%", bytes: "B", bits: "bit" };
const unitOf = (key) => key.match(/_([a-z]+)$/)?.[1];

function label(key) {
  const bare = UNITS[unitOf(key)] && unitOf(key) !== "bytes" ? key.slice(0, key.lastIndexOf("_")) : key;
  const words = isLimit(bare) ? limitWords(bare) : word("evidence", bare);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function limitWords(key) {
  const of = key.replace(/_?threshold_?/, "");
  return of ? `${t("evidence.limit")}: ${word("evidence", of)}` : t("evidence.limit");
}

function shown(key, value) {
  // A number that is a name is not counted in thousands.
  if (/(^|_)(port|function|unit)$/.test(key)) return String(value ?? "–");
  if (typeof value === "number") {
    const unit = UNITS[unitOf(key)];
    const text = Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 10 ? 2 : 1);
    return unit ? `${text} ${unit}` : text;
  }
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return full(value);
  const words = (v) => (typeof v === "object" ? JSON.stringify(v) : key === "kinds" ? kindTitle(v) : valueWord(v));
  if (Array.isArray(value)) return value.map(words).join(", ") || "–";
  if (value && typeof value === "object")
    return Object.entries(value)
      .map(([k, v]) => `${words(k)}: ${typeof v === "number" ? count(v) : words(v)}`)
      .join(", ");
  return value === null || value === undefined || value === "" ? "–" : words(value);
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
