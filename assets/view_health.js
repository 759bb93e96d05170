// How the monitor does: what needs attention and what to do about it, a test of the whole alarm, and every counter with
// its name, its value and what it means.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, count, decimal, duration, exactBytes, full, moment } from "./format.js";
import { has, said, t } from "./i18n.js";
import { mark } from "./icons.js";
import { empty, word } from "./parts.js";
import { alarmTest } from "./selftest.js";
import { now } from "./state.js";

const REFRESH_MS = 5000;
const THREE_DAYS = 3 * 86_400;

// What is bad, by the end of a counter's path: each has words on what to do under `todo.`.
const BAD = {
  "capture.dropped": (v) => v > 0,
  "interfaces.up": (v) => v === false,
  "interfaces.dropped": (v) => v > 0,
  "system.under_voltage": (v) => v === true,
  "system.throttled": (v) => v === true,
  "system.temperature_celsius": (v) => v > 80,
  "system.disk_free_bytes": (v) => v !== null && v < 200 * 1024 * 1024,
  "store.failed_writes": (v) => v > 0,
  "clock.synchronised": (v) => v === false,
  "feeds.problem": (v) => Boolean(v),
  "feeds.age_seconds": (v) => v > THREE_DAYS,
};

export function healthView(view) {
  const body = h("div", { class: "health-body" }, h("p", { class: "muted" }, t("loading")));
  const attention = h("section", { class: "card attention", id: "attention", "aria-live": "polite" });
  const element = h(
    "div",
    { class: "page" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.health")), h("p", { class: "muted total" }, t("health.why"))),
    h("div", { class: "columns" }, attention, h("section", { class: "card", "data-change": true }, h("h2", {}, t("selftest")), alarmTest(view))),
    body,
  );
  let first = true;
  let shownWords = "";
  load();
  const timer = setInterval(() => document.hidden || load(), REFRESH_MS);
  view.cleanup(() => clearInterval(timer));
  return element;

  async function load() {
    try {
      const answer = inLanguage(await get("/api/health"));
      const troubles = listTroubles(answer);
      const words = JSON.stringify(troubles);
      // Read out only when it changes.
      if (words !== shownWords) fill(attention, h("h2", {}, t("health.attention")), shownTroubles(troubles));
      shownWords = words;
      if (body.contains(document.activeElement) || String(getSelection())) return;
      const open = new Set([...body.querySelectorAll("details[open]")].map((d) => d.id));
      fill(body, sections(answer));
      for (const details of body.querySelectorAll("details")) details.open = open.has(details.id);
      if (first && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      first = false;
    } catch (error) {
      if (first) fill(body, empty(t("error.load"), error.message));
    }
  }
}

// The answer in the language of the page: what is there in both stands under one name.
function inLanguage(value) {
  if (Array.isArray(value)) return value.map(inLanguage);
  if (!isPlain(value)) return value;
  const keys = Object.keys(value).filter((key) => !key.endsWith("_nl"));
  return Object.fromEntries(keys.map((key) => [key, inLanguage(said(value, key))]));
}

// ---- what needs attention

function listTroubles({ problems, ...answer }) {
  const told = (problems ?? []).map((p) => ({
    title: word("problem", p.code),
    text: p.text,
    todo: t(`problem.${p.code}.todo`),
  }));
  const seen = new Set(told.map((p) => p.text));
  const counted = [];
  walk(answer, [], (path, value, owner) => {
    const id = badId(path, value);
    if (!id || (owner?.problem && seen.has(owner.problem))) return;
    const of = owner?.name ? `${owner.name}: ` : "";
    const todo = t(`todo.${id}`);
    // Of an interface after the sum of all, the same again.
    if (counted.some((c) => c.todo === todo && c.value === value)) return;
    counted.push({ value, title: `${of}${title(path)}: ${words(path, value)}`, text: "", todo });
  });
  return [...told, ...counted];
}

function shownTroubles(troubles) {
  if (!troubles.length) return h("p", { class: "fine-state" }, mark("quiet"), t("health.fine"));
  return h(
    "ul",
    { class: "plain-list" },
    troubles.map((p) =>
      h("li", { class: "trouble" }, mark("high"), h("div", {}, h("b", {}, p.title), p.text && h("p", {}, p.text), h("p", { class: "muted" }, p.todo))),
    ),
  );
}

const isPlain = (v) => v !== null && typeof v === "object";

// Calls `f` with path, value and the object it stands in, for everything that is neither object nor list.
function walk(value, path, f, owner = null) {
  if (Array.isArray(value)) return value.forEach((v) => walk(v, path, f, owner));
  if (!isPlain(value)) return f(path, value, owner);
  for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key], f, value);
}

// The longest end of a path for which `known` says yes.
function ending(path, known) {
  for (let at = 0; at < path.length; at += 1) {
    const id = path.slice(at).join(".");
    if (known(id)) return id;
  }
  return null;
}

function badId(path, value) {
  const id = ending(path, (end) => Object.hasOwn(BAD, end));
  return id && BAD[id](value) ? id : null;
}

// ---- every counter

// The way of a frame: what comes first on it is shown first; what is not named here comes after.
const ORDER = ["capture", "tables", "store", "feeds", "clock", "system", "monitor"];
const place = ([key]) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);

function sections({ problems, ...answer }) {
  const filled = Object.entries(answer).filter(([, v]) => isPlain(v) && (!Array.isArray(v) || v.length));
  return filled.sort((a, b) => place(a) - place(b)).map(([key, value]) => section([key], value));
}

function section(path, value) {
  const why = explanation(path);
  return h(
    "section",
    { class: "card", id: path.join("-") },
    h("h2", {}, title(path)),
    why && h("p", { class: "muted" }, why),
    content(path, value),
  );
}

function content(path, value) {
  if (Array.isArray(value)) return list(path, value);
  const simple = Object.entries(value).filter(([, v]) => !isPlain(v));
  const nested = Object.entries(value).filter(([, v]) => isPlain(v) && !(Array.isArray(v) && !v.length));
  return [
    simple.length ? pairs(path, simple) : null,
    nested.map(([k, v]) => {
      const inner = [...path, k];
      const why = explanation(inner);
      return [h("h3", {}, title(inner)), why && h("p", { class: "muted fine" }, why), content(inner, v)];
    }),
    !simple.length && !nested.length ? h("p", { class: "muted" }, t("health.empty")) : null,
  ];
}

// Wide tables scroll by themselves, by keyboard too.
const scroll = (table) => h("div", { class: "scroll", tabindex: "0" }, table);

const pairs = (path, entries) =>
  scroll(
    h(
      "table",
      { class: "data counters" },
      h(
        "tbody",
        {},
        entries.map(([k, v]) => {
          const own = [...path, k];
          const bad = badId(own, v);
          return h(
            "tr",
            { class: bad ? "bad" : null },
            h("th", { scope: "row" }, title(own)),
            h("td", { class: "num" }, shown(own, v), bad && badMark()),
            h("td", { class: "why" }, explanation(own), bad && h("b", {}, ` ${t(`todo.${bad}`)}`)),
          );
        }),
      ),
    ),
  );

const badMark = () => [" ", mark("high"), h("span", { class: "unseen" }, t("health.bad"))];

// Things of one kind: a row each, and what the columns mean below.
function list(path, values) {
  if (!values.length) return h("p", { class: "muted" }, t("health.empty"));
  if (!isPlain(values[0])) return h("p", {}, values.map((v) => word(`note.${path.at(-1)}`, v)).join(", "));
  const order = (c) => (c === "name" ? 0 : c === "problem" ? 2 : 1);
  const columns = [...new Set(values.flatMap((v) => Object.keys(v)))].sort((a, b) => order(a) - order(b));
  const numeric = (c) => (values.some((v) => typeof v[c] === "number") ? "num" : null);
  return [
    scroll(
      h(
        "table",
        { class: "data" },
        h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: numeric(c) }, title([...path, c]))))),
        h(
          "tbody",
          {},
          values.map((v) =>
            h(
              "tr",
              {},
              columns.map((c) => {
                const bad = badId([...path, c], v[c]);
                return h("td", { class: [numeric(c), bad && "bad"].filter(Boolean).join(" ") || null }, shown([...path, c], v[c]), bad && badMark());
              }),
            ),
          ),
        ),
      ),
    ),
    h(
      "details",
      { class: "columns-meaning", id: `about-${path.join("-")}` },
      h("summary", {}, t("health.sum")),
      h("dl", {}, columns.map((c) => [h("dt", {}, title([...path, c])), h("dd", {}, explanation([...path, c]))])),
    ),
  ];
}

function title(path) {
  const id = ending(path, (end) => has(`health.${end}`));
  if (id) return t(`health.${id}`);
  const last = path.at(-1).replace(/_(bytes|seconds|percent|celsius)$/, "").replaceAll("_", " ");
  return last.charAt(0).toUpperCase() + last.slice(1);
}

function explanation(path) {
  const id = ending(path, (end) => has(`why.${end}`));
  return id && t(`why.${id}`);
}

// ---- values

const UNITS = { percent: " %", celsius: " °C", milliseconds: " ms", microseconds: " µs", seconds: " s" };

/** A value as plain words. */
function words(path, value) {
  const key = path.at(-1);
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (key === "sees") return word(key, value).replace(/^[^:]*: /, "");
  if (typeof value === "string") {
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return moment(value, now());
    return ["mode", "source", "category"].includes(key) ? word(`health.${key}`, value) : value;
  }
  if (/bytes/.test(path.slice(-2).join(".")) || path.includes("written_today_by")) return bytes(value);
  if (/seconds$/.test(key) && Number.isInteger(value) && Math.abs(value) > 59) return duration(value);
  const unit = UNITS[key.match(/(percent|celsius|milliseconds|microseconds|seconds)$/)?.[1]] ?? "";
  return (Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 10 ? 2 : 1)) + unit;
}

// The same, with the exact value in the tooltip where it was rounded.
function shown(path, value) {
  const text = words(path, value);
  const key = path.at(-1);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return h("span", { title: full(value) }, text);
  if (typeof value === "number" && (/bytes/.test(key) || path.includes("written_today_by"))) return h("span", { title: exactBytes(value) }, text);
  if (/seconds$/.test(key) && Math.abs(value) > 59) return h("span", { title: `${count(value)} s` }, text);
  return text;
}
