// Traffic as series: the colours and names of its three kinds, stored steps as rates, the legend that is also the
// readout, and the table beside a chart.

import { h, setText } from "./dom.js";
import { count, rate, ratePair } from "./format.js";
import { t } from "./i18n.js";

/** From the bottom of the stack up. */
export const SERIES = [
  { key: "in", color: "--down" },
  { key: "out", color: "--up" },
  { key: "internal", color: "--inner" },
];
const KEYS = ["in", "out", "internal", "packets", "dropped"];
const MOST_POINTS = 360;

/** A point in bytes per second as one in bits per second. */
export const inBits = (p) => ({ ...p, in: p.in * 8, out: p.out * 8, internal: p.internal * 8 });

/** Stored steps, which carry bytes per step, as rates in bits per second; `step` in milliseconds. */
export function ratesOf(answer) {
  const raw = answer?.points ?? [];
  const step = (answer?.step_seconds ?? 10) * 1000;
  const per = (n) => (n * 8000) / step;
  const points = raw.map((p) => ({
    time: Date.parse(p.time),
    in: per(p.bytes_in),
    out: per(p.bytes_out),
    internal: per(p.bytes_internal),
    packets: ((p.packets_in + p.packets_out + p.packets_internal) * 1000) / step,
    dropped: (p.dropped * 1000) / step,
    lost: p.dropped,
  }));
  return { points, step };
}

/** The mean of some points at the time of the first. */
export function meanOf(group) {
  const mean = (key) => group.reduce((sum, p) => sum + p[key], 0) / group.length;
  const lost = group.reduce((sum, p) => sum + (p.lost ?? 0), 0);
  return { time: group[0].time, lost, ...Object.fromEntries(KEYS.map((key) => [key, mean(key)])) };
}

/** More points than there is room to see are averaged by their place in time, so that gaps stay gaps. */
export function thinned({ points, step }, span) {
  const size = Math.ceil(span / step / MOST_POINTS);
  if (size < 2) return { points, step };
  const slots = new Map();
  for (const p of points) {
    const slot = Math.floor(p.time / (step * size));
    if (!slots.has(slot)) slots.set(slot, []);
    slots.get(slot).push(p);
  }
  return { points: [...slots.values()].map(meanOf), step: step * size };
}

/** `down 42.1 Mbit/s`, `up …`, `internal …`, `packets/s`, `lost/s`, and the moment they belong to. */
export function makeLegend(href) {
  const moment = h("span", { class: "moment" });
  const figures = KEYS.map((key) => {
    const [value, unit] = [h("b", {}, "–"), h("span", {})];
    const sign = { in: "↓ ", out: "↑ " }[key] ?? "";
    const content = [
      h("span", { class: "what" }, h("i", { class: "swatch" }), sign, t(`traffic.${key}`)),
      h("span", { class: "big" }, value, " ", unit),
    ];
    const to = href?.(key);
    return { key, value, unit, el: h(to ? "a" : "div", { class: `figure ${key}`, href: to }, content) };
  });
  const show = (point, words) => {
    setText(moment, words);
    for (const { key, value, unit } of figures) {
      const [a, b] = SERIES.some((s) => s.key === key) ? ratePair(point[key] / 8) : [count(point[key]), "/s"];
      setText(value, a);
      setText(unit, b);
    }
  };
  return {
    element: h(
      "div",
      { class: "legend" },
      figures.map((f) => f.el),
    ),
    moment,
    show,
  };
}

/** A point in words, for screen readers. */
export const pointWords = (p) =>
  [
    ...SERIES.map((s) => `${t(`traffic.${s.key}`)} ${rate(p[s.key] / 8)}`),
    `${count(p.packets)} ${t("traffic.packets")}`,
    p.lost ? `${count(p.lost)} ${t("traffic.dropped")}` : null,
  ]
    .filter(Boolean)
    .join(", ");

/** A table of at most `most` of the points. */
export function seriesTable(points, time, most) {
  const every = Math.max(1, Math.ceil(points.length / most));
  const rows = points.filter((_, i) => i % every === 0);
  const head = (words) => h("th", { scope: "col" }, words);
  return h(
    "table",
    { class: "data" },
    h("caption", {}, t("traffic.chart")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head(t("time")),
        SERIES.map((s) => head(t(`traffic.${s.key}`))),
        head(t("traffic.dropped")),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((p) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, time(p)),
          SERIES.map((s) => h("td", {}, rate(p[s.key] / 8))),
          h("td", {}, count(p.lost ?? p.dropped)),
        ),
      ),
    ),
  );
}
