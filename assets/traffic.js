// The traffic card: a live chart of the last five minutes, or a longer range from the store, with a legend that is
// also the readout, and the same figures as a table for screen readers.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { fill, h, setText } from "./dom.js";
import { clock, count, moment, rate, ratePair, second } from "./format.js";
import { t } from "./i18n.js";
import { cardHead, empty } from "./parts.js";
import { now, state } from "./state.js";

const SERIES = [
  { key: "in", color: "--down" },
  { key: "out", color: "--up" },
  { key: "internal", color: "--inner" },
];
const SPAN = { live: 300, "1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };
const CALM_MS = 10_000;
const MOST_POINTS = 360;

export function trafficCard() {
  let range = "live";
  let stored = null;
  let drawn = 0;
  let tabled = 0;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const legend = makeLegend();
  const message = h("div", { class: "over", hidden: true });
  const table = h("div", { class: "unseen" });
  const chart = new Chart({
    series: SERIES,
    label: t("traffic.chart"),
    onread: read,
    say: (p) => `${time(p)}: ${legend.words(p)}`,
  });
  const buttons = Object.keys(SPAN).map((id) =>
    h(
      "button",
      { type: "button", "aria-pressed": String(id === range), onclick: () => choose(id) },
      t(`range.${id}`),
    ),
  );
  const element = h(
    "section",
    { class: "card traffic live" },
    cardHead(
      t("traffic"),
      null,
      null,
      legend.moment,
      h("div", { class: "segments", role: "group", "aria-label": t("range") }, buttons),
    ),
    legend.element,
    h("div", { class: "plot" }, chart.element, message),
    table,
  );
  const timer = setInterval(() => range !== "live" && !document.hidden && load(), 60_000);
  return { element, update, end };

  function end() {
    clearInterval(timer);
    chart.destroy();
  }

  function time(point) {
    return range === "live"
      ? second(point.time)
      : SPAN[range] > 86_400
        ? moment(point.time, now())
        : clock(point.time);
  }

  function read(point) {
    if (point) legend.show(point, `${time(point)} · ${t("paused")}`);
    else update();
  }

  function choose(id) {
    range = id;
    stored = null;
    drawn = 0;
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(Object.keys(SPAN)[i] === id)));
    if (id === "live") update();
    else load();
  }

  async function load() {
    const asked = range;
    try {
      const answer = await get(`/api/traffic?range=${asked}`);
      if (asked !== range) return;
      stored = toBits(answer);
      draw(stored.points, stored.step);
    } catch (error) {
      if (asked === range) say(empty(t("error.load"), error.message));
    }
  }

  function update() {
    const last = state.history.at(-1);
    if (range !== "live")
      return (
        stored && !chart.paused && legend.show(null, t("traffic.range", { range: t(`range.${range}`) }), current())
      );
    if (!chart.paused) legend.show(current(), ["lost", "away"].includes(state.link.status) ? "" : t("now"));
    if (calm.matches && performance.now() - drawn < CALM_MS && drawn) return;
    drawn = performance.now();
    draw(last ? state.history.map(bits) : [], 1000);
  }

  function draw(points, step) {
    const to = Math.max(points.at(-1)?.time ?? 0, range === "live" ? 0 : now() - step);
    const nothing = points.length < 2 || (range === "live" && !state.snapshot.capture.packets);
    if (nothing)
      say(
        range === "live"
          ? empty(t("traffic.none"), t("traffic.none.why"))
          : empty(t("traffic.unstored"), t("traffic.unstored.why")),
      );
    else message.hidden = true;
    chart.set(points, (to || now()) - SPAN[range] * 1000, to || now(), step);
    if (performance.now() - tabled > 30_000 || range !== "live") {
      tabled = performance.now();
      fill(table, asTable(points, time));
    }
  }

  function say(content) {
    message.hidden = false;
    fill(message, content);
  }
}

const bits = (p) => ({ ...p, in: p.in * 8, out: p.out * 8, internal: p.internal * 8 });

function current() {
  const { traffic, capture } = state.snapshot;
  return bits({
    in: traffic.in_bytes_per_second,
    out: traffic.out_bytes_per_second,
    internal: traffic.internal_bytes_per_second,
    packets: capture.packets_per_second,
    dropped: capture.dropped_per_second,
  });
}

// Stored points carry bytes per step.
function toBits(answer) {
  const raw = answer?.points ?? [];
  const between = raw.length > 1 ? Date.parse(raw[1].time) - Date.parse(raw[0].time) : 10_000;
  const step = answer?.step_seconds ? answer.step_seconds * 1000 : between;
  const per = (n) => (n * 8000) / step;
  const points = raw.map((p) => ({
    time: Date.parse(p.time),
    in: per(p.bytes_in),
    out: per(p.bytes_out),
    internal: per(p.bytes_internal),
    packets: ((p.packets_in + p.packets_out + p.packets_internal) * 1000) / step,
    dropped: (p.dropped * 1000) / step,
  }));
  return thinned(points, step);
}

// More points than there is room to see are averaged: 24 hours by the minute would be a comb.
function thinned(points, step) {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size < 2) return { points, step };
  const thin = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    const mean = (key) => group.reduce((sum, p) => sum + p[key], 0) / group.length;
    thin.push({
      time: group[0].time,
      ...Object.fromEntries(["in", "out", "internal", "packets", "dropped"].map((key) => [key, mean(key)])),
    });
  }
  return { points: thin, step: step * size };
}

// `down 42.1 Mbit/s`, `up …`, `internal …`, `packets/s`, `dropped/s`, and the moment they belong to.
function makeLegend() {
  const moment = h("span", { class: "moment" });
  const figures = [...SERIES.map((s) => s.key), "packets", "dropped"].map((key) => {
    const [value, unit] = [h("b", {}, "–"), h("span", {})];
    const sign = { in: "↓ ", out: "↑ " }[key] ?? "";
    return {
      key,
      value,
      unit,
      el: h(
        "div",
        { class: `figure ${key}` },
        h("span", { class: "what" }, h("i", { class: "swatch" }), sign, t(`traffic.${key}`)),
        h("span", { class: "big" }, value, " ", unit),
      ),
    };
  });
  const show = (point, words, fallback) => {
    setText(moment, words);
    for (const { key, value, unit } of figures) {
      const from = point ?? fallback;
      const [a, b] = SERIES.some((s) => s.key === key) ? ratePair(from[key] / 8) : [count(from[key]), "/s"];
      setText(value, a);
      setText(unit, b);
    }
  };
  const words = (p) =>
    [
      ...SERIES.map((s) => `${t(`traffic.${s.key}`)} ${rate(p[s.key] / 8)}`),
      `${count(p.packets)} ${t("traffic.packets")}`,
    ].join(", ");
  return {
    element: h(
      "div",
      { class: "legend" },
      figures.map((f) => f.el),
    ),
    moment,
    show,
    words,
  };
}

// Ten rows are enough to hear; the chart's own arrow keys reach every point.
function asTable(points, time) {
  const every = Math.max(1, Math.floor(points.length / 10));
  const rows = points.filter((_, i) => i % every === 0);
  return h(
    "table",
    {},
    h("caption", {}, t("traffic.chart")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t("time")),
        SERIES.map((s) => h("th", { scope: "col" }, t(`traffic.${s.key}`))),
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
        ),
      ),
    ),
  );
}
