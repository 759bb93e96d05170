// How often an alert was seen in the course of time: small bars beside a row, larger ones with a table in the detail.

import { h, svg } from "./dom.js";
import { count, duration, second } from "./format.js";
import { t } from "./i18n.js";

const COLUMNS = 24;

function bars(counts, height) {
  const most = Math.max(1, ...counts);
  const columns = Math.max(8, Math.min(COLUMNS, counts.length));
  const bar = (n, i) => n && `M${i * 4} ${height}v${-Math.max(1.5, (n / most) * height).toFixed(1)}h3V${height}z`;
  const path = svg("path", { d: counts.map(bar).filter(Boolean).join("") || "M0 0" });
  const box = { viewBox: `0 0 ${columns * 4 - 1} ${height}`, preserveAspectRatio: "none", focusable: "false" };
  return svg("svg", { ...box, "aria-hidden": "true" }, svg("path", { class: "base", d: `M0 ${height - 0.25}h${columns * 4}` }), path);
}

/** The curve in words. */
export function historyWords({ step_seconds: step, counts }) {
  const most = Math.max(...counts);
  const span = duration(counts.length * step);
  return t("spark.alt", { most: count(most), step: duration(step), span });
}

/** A small picture of an alert's history; null when it was seen once. */
export function sparkline(history) {
  if (!history?.counts?.length) return null;
  const words = historyWords(history);
  return h("span", { class: "spark", role: "img", "aria-label": words, title: words }, bars(history.counts, 14));
}

/** The larger picture, with the numbers as a table for screen readers. */
export function historyChart(alert) {
  const { history } = alert;
  if (!history?.counts?.length) return null;
  const start = Date.parse(alert.time);
  const row = (n, i) =>
    h("tr", {}, h("th", { scope: "row" }, second(start + i * history.step_seconds * 1000)), h("td", {}, count(n)));
  return h(
    "section",
    { class: "history" },
    h("h3", {}, t("history")),
    h("div", { class: "spark large", "aria-hidden": "true" }, bars(history.counts, 40)),
    h("p", { class: "muted fine" }, historyWords(history)),
    h(
      "table",
      { class: "unseen" },
      h("caption", {}, t("spark.table", { step: duration(history.step_seconds) })),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("spark.from")), h("th", { scope: "col" }, t("spark.times")))),
      h("tbody", {}, history.counts.map(row)),
    ),
  );
}
