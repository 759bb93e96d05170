// Every counter of the monitor, explained, and a self-test that sends a harmless canary through all of it.

import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, count, decimal, duration, exactBytes, full, moment } from "./format.js";
import { has, said, t } from "./i18n.js";
import { empty, word } from "./parts.js";
import { now } from "./state.js";

const REFRESH_MS = 5000;

export function healthView(view) {
  const body = h("div", { class: "health-body" }, h("p", { class: "muted" }, t("loading")));
  const result = h("div", { class: "selftest" });
  const button = h("button", { type: "button", "data-change": true, onclick: test }, t("selftest"));
  const element = h(
    "div",
    { class: "page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, t("nav.health")),
      h("p", { class: "muted total" }, t("health.why")),
      button,
    ),
    result,
    body,
  );
  let first = true;
  load();
  const timer = setInterval(() => document.hidden || load(), REFRESH_MS);
  view.cleanup(() => clearInterval(timer));
  return element;

  async function load() {
    try {
      const answer = await get("/api/health");
      if (body.contains(document.activeElement) || String(getSelection())) return;
      fill(body, sections(answer));
      if (first && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      first = false;
    } catch (error) {
      if (first) fill(body, empty(t("error.load"), error.message));
    }
  }

  async function test() {
    button.disabled = true;
    try {
      const answer = await post("/api/selftest");
      fill(result, stages(Array.isArray(answer) ? answer : (answer?.stages ?? [])));
    } catch (error) {
      fill(result, empty(t("selftest.failed"), error.message));
    } finally {
      button.disabled = false;
    }
  }
}

const stages = (list) =>
  h(
    "section",
    { class: "card" },
    h("h2", {}, t("selftest")),
    h(
      "table",
      { class: "data" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["stage", "result", "took", "detail"].map((c) => h("th", { scope: "col" }, t(`stage.${c}`))),
        ),
      ),
      h(
        "tbody",
        {},
        list.map((s) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, word("stage", s.stage)),
            h("td", {}, t(s.passed ? "passed" : "failed")),
            h("td", {}, `${count(s.microseconds)} µs`),
            h("td", {}, said(s, "detail")),
          ),
        ),
      ),
    ),
  );

const plain = (v) => v !== null && typeof v === "object";

// The way of a frame: what comes first on it is shown first; what is not named here comes after.
const ORDER = ["capture", "frames", "rejected", "tables", "store", "feeds", "dashboard", "process", "clock"];
const place = ([key]) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);

function sections(answer) {
  const filled = Object.entries(answer).filter(([, v]) => v !== null && (!Array.isArray(v) || v.length));
  const loose = filled.filter(([, v]) => !plain(v));
  const groups = filled.filter(([, v]) => plain(v)).sort((a, b) => place(a) - place(b));
  return [
    loose.length ? section("general", Object.fromEntries(loose)) : null,
    groups.map(([key, value]) => section(key, value)),
  ];
}

function section(key, value) {
  const why = explanation(key);
  return h(
    "section",
    { class: "card", id: key },
    h("h2", {}, title(key)),
    why && h("p", { class: "muted" }, why),
    content(value),
  );
}

function content(value) {
  if (Array.isArray(value)) return list(value);
  const simple = Object.entries(value).filter(([, v]) => !plain(v));
  const nested = Object.entries(value).filter(([, v]) => plain(v));
  const alike =
    nested.length > 1 &&
    nested.every(([, v]) => !Array.isArray(v) && Object.keys(v).join() === Object.keys(nested[0][1]).join());
  return [
    simple.length ? pairs(simple) : null,
    alike
      ? matrix(nested)
      : nested.map(([k, v]) => [
          h("h3", {}, title(k)),
          explanation(k) && h("p", { class: "muted" }, explanation(k)),
          content(v),
        ]),
    !simple.length && !nested.length ? h("p", { class: "muted" }, t("health.empty")) : null,
  ];
}

const scroll = (table) => h("div", { class: "scroll" }, table);

const pairs = (entries) =>
  scroll(
    h(
      "table",
      { class: "data counters" },
      h(
        "tbody",
        {},
        entries.map(([k, v]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, title(k)),
            h("td", { class: "num" }, shown(k, v)),
            h("td", { class: "why" }, explanation(k)),
          ),
        ),
      ),
    ),
  );

// Objects of one shape under one another: one row each.
function matrix(entries) {
  const columns = Object.keys(entries[0][1]);
  return scroll(
    h(
      "table",
      { class: "data" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", {}),
          columns.map((c) => h("th", { scope: "col", class: "num", title: explanation(c) }, title(c))),
        ),
      ),
      h(
        "tbody",
        {},
        entries.map(([k, v]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, title(k)),
            columns.map((c) => h("td", { class: "num" }, plain(v[c]) ? JSON.stringify(v[c]) : shown(c, v[c]))),
          ),
        ),
      ),
    ),
  );
}

function list(values) {
  if (!values.length) return h("p", { class: "muted" }, t("health.empty"));
  if (!plain(values[0])) return h("p", {}, values.join(", "));
  const columns = [...new Set(values.flatMap((v) => Object.keys(v)))].filter((c) => !c.endsWith("_nl"));
  const numeric = (c) => (typeof values[0][c] === "number" ? "num" : "");
  return scroll(
    h(
      "table",
      { class: "data" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((c) => h("th", { scope: "col", class: numeric(c), title: explanation(c) }, title(c))),
        ),
      ),
      h(
        "tbody",
        {},
        values.map((v) =>
          h(
            "tr",
            {},
            columns.map((c) => h("td", { class: numeric(c) }, plain(v[c]) ? JSON.stringify(v[c]) : shown(c, said(v, c)))),
          ),
        ),
      ),
    ),
  );
}

function title(key) {
  if (has(`health.${key}`)) return t(`health.${key}`);
  const words = key.replace(/_(bytes|seconds|percent|celsius)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const explanation = (key) => (has(`why.${key}`) ? t(`why.${key}`) : null);

function shown(key, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (key === "sees") return word(key, value).replace(/^[^:]*: /, "");
  if (key === "mode") return word("health.mode", value);
  if (typeof value === "string")
    return /^\d{4}-\d\d-\d\dT/.test(value) ? h("span", { title: full(value) }, moment(value, now())) : value;
  if (/bytes/.test(key) && !key.includes("per_")) return h("span", { title: exactBytes(value) }, bytes(value));
  if (/seconds$/.test(key) && Number.isInteger(value) && value > 59)
    return h("span", { title: `${count(value)} s` }, duration(value));
  const unit =
    { percent: " %", celsius: " °C", milliseconds: " ms", microseconds: " µs", seconds: " s" }[
      key.match(/(percent|celsius|milliseconds|microseconds|seconds)(_p\d+)?$/)?.[1]
    ] ?? "";
  return (Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 10 ? 2 : 1)) + unit;
}
