// What came by in the last hour, day, week or month, or in any span of them: traffic, losses, alerts, who moved most.
// The range is in the address, so that it can be kept and sent.

import { get, query } from "./api.js";
import { brush } from "./brush.js";
import { Chart } from "./chart.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { bytes, count, exactBytes, moment, rate, second } from "./format.js";
import { t } from "./i18n.js";
import { mark } from "./icons.js";
import { announce, cardHead, empty, sentenceOf, summaryOf, when } from "./parts.js";
import { applicationRow, destinationRow, rankCard, talkerRow } from "./rank.js";
import { SERIES, makeLegend, meanOf, pointWords, ratesOf, seriesTable, thinned } from "./series.js";
import { SEVERITIES, now, state } from "./state.js";

const HOUR = 3_600_000;
const RANGES = { "1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR };
const LEAST = 120_000;
const MOST = 400 * 24 * HOUR;
/** A mark needs so much room, in the height of the text. */
const MARK_EM = 1.9;
const AGAIN_MS = 60_000;

/** The finest step in seconds that is kept that far back and gives a drawable number of points. */
function stepFor(from, to) {
  const fine = [10, 60, 900, 3600].filter((s) => (to - from) / 1000 / s <= 1500);
  const kept = { 10: 25 * HOUR, 60: 7.5 * 24 * HOUR, 900: 34 * 24 * HOUR, 3600: Infinity };
  return fine.find((s) => now() - from <= kept[s]) ?? 3600;
}

function wanted(params) {
  const [since, until] = [Date.parse(params.get("since")), Date.parse(params.get("until"))];
  if (since && until && until > since) return { from: since, to: until };
  const range = Object.hasOwn(RANGES, params.get("range")) ? params.get("range") : "24h";
  return { range };
}

export function historyView(view) {
  const want = wanted(view.params);
  const to = () => want.to ?? now();
  const from = () => want.from ?? to() - RANGES[want.range];
  const time = (p) => (to() - from() > 26 * HOUR || to() < now() - 24 * HOUR ? moment(p.time, now()) : second(p.time));
  const legend = makeLegend();
  const over = h("div", { class: "over", hidden: true });
  const chart = new Chart({
    series: SERIES,
    label: t("traffic.chart"),
    onread: (point) => (point ? legend.show(point, time(point)) : showMean()),
    say: (p) => `${time(p)}: ${pointWords(p)}`,
  });
  brush(chart, {
    onspan: zoom,
    saying: (a, b) => announce(t("history.selected", { from: moment(a, now()), to: moment(b, now()) })),
  });
  const pins = h("div", { class: "pins" });
  const plot = h("div", { class: "plot" }, chart.element, over);
  const table = h("div", { class: "scroll tabled", hidden: true });
  const toggle = h("button", { type: "button", "aria-pressed": "false", onclick: switchTable }, t("history.table"));
  const csv = h("a", { class: "button", download: true }, t("history.csv"));
  const gaps = h("p", { class: "muted fine" });
  const totals = h("div", { class: "totals" });
  const alerts = h("div", {});
  const talkers = h("div", {});
  let points = [];
  let ended = false;

  const ranges = Object.keys(RANGES).map((id) =>
    h("a", { href: `/history?range=${id}`, "aria-current": want.range === id ? "true" : null }, t(`range.${id}`)),
  );
  const span = () =>
    t("history.span", { from: moment(from(), now()), to: want.range ? t("now") : moment(to(), now()) });
  const spanWords = h("p", { class: "muted total" }, span());
  const rankings = [
    rankCard({
      area: "places",
      title: "destinations",
      more: {},
      rows: () => (state.snapshot?.top_destinations ?? []).map((x) => asked(destinationRow(x), "place")),
      none: () => empty(t("destinations.none"), t("destinations.none.why")),
    }),
    rankCard({
      area: "spoken",
      title: "applications",
      more: {},
      rows: () => (state.snapshot?.applications ?? []).map((x) => asked(applicationRow(x), "app")),
      none: () => empty(t("applications.none"), t("applications.none.why")),
    }),
  ];
  // The row that led here stands out; from here a row leads to the alerts that name it.
  function asked(row, param) {
    const picked = row.id === view.params.get(param);
    return { ...row, picked, href: `/alerts${query({ q: row.id, state: "all" })}` };
  }
  rankings.forEach(({ element }, i) => setAttr(element, "id", ["destinations", "applications"][i]));
  const element = h(
    "div",
    { class: "page history" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.history")), spanWords, csv),
    h(
      "div",
      { class: "filters" },
      h("nav", { class: "segments", "aria-label": t("range") }, ranges),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => shift(-1) }, "← ", t("history.earlier")),
        h("button", { type: "button", onclick: () => shift(1) }, t("history.later"), " →"),
        h("button", { type: "button", onclick: () => zoom(from() - (to() - from()), to()) }, t("history.out")),
        toggle,
      ),
    ),
    h(
      "section",
      { class: "card traffic" },
      cardHead(t("traffic"), null, null, legend.moment),
      legend.element,
      plot,
      pins,
      table,
      gaps,
      h("p", { class: "muted fine" }, t("history.hint")),
    ),
    totals,
    h(
      "div",
      { class: "columns" },
      h("section", { class: "card alerts" }, h("h2", {}, t("history.alerts")), alerts),
      h("section", { class: "card", id: "talkers" }, h("h2", {}, t("history.talkers")), talkers),
    ),
    h("h2", {}, t("history.lately")),
    h(
      "div",
      { class: "columns" },
      rankings.map((r) => r.element),
    ),
  );

  // In a replay it is the time of the capture, which the first snapshot tells.
  let early = !state.snapshot;
  if (!early) load(true);
  const timer = setInterval(() => want.range && !document.hidden && load(false), AGAIN_MS);
  let arrived = !location.hash;
  const rank = () => {
    if (!state.snapshot) return;
    rankings.forEach((r) => r.update());
    if (!arrived) document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: "center" });
    arrived = true;
  };
  requestAnimationFrame(rank);
  view.on("snapshot", () => {
    if (early) load(true);
    early = false;
    rank();
  });
  view.cleanup(() => {
    ended = true;
    clearInterval(timer);
    chart.destroy();
  });
  return element;

  function place() {
    return { since: new Date(from()).toISOString(), until: new Date(to()).toISOString() };
  }

  async function load(first) {
    const step = stepFor(from(), to());
    const asked = { ...place(), step };
    setText(spanWords, span());
    setAttr(csv, "href", `/api/traffic${query({ ...asked, format: "csv" })}`);
    try {
      const answer = await get(`/api/traffic${query(asked)}`);
      if (ended) return;
      const all = ratesOf(answer);
      const drawn = thinned(all, to() - from());
      points = drawn.points;
      showTraffic(all, drawn.step);
    } catch (error) {
      if (!ended) say(empty(t("error.load"), error.message));
    }
    if (ended) return;
    loadAlerts();
    if (first) loadTalkers();
  }

  function say(content) {
    over.hidden = false;
    fill(over, content);
  }

  function showTraffic(all, step) {
    over.hidden = points.length > 0;
    if (!points.length) say(empty(t("history.none"), t("history.none.why")));
    chart.set(points, from(), to(), step);
    showMean();
    showTotals(all);
    const holes = points.filter((p, i) => i && p.time - points[i - 1].time > 3.5 * step).length;
    const before = points.length && points[0].time - from() > 3.5 * step ? 1 : 0;
    setText(gaps, holes + before ? gapWords(holes + before) : "");
    if (!table.hidden) fill(table, seriesTable(points, time, 400));
  }

  function gapWords(n) {
    return t(`history.gaps.${n === 1 ? "one" : "other"}`, { n: count(n), off: t("history.off") });
  }

  function showMean() {
    if (chart.paused) return;
    if (points.length) legend.show(meanOf(points), t("history.mean"));
  }

  function showTotals({ points: raw, step }) {
    const sum = (key) => raw.reduce((all, p) => all + (p[key] * step) / 8000, 0);
    const peak = raw.reduce(
      (most, p) => (p.in + p.out + p.internal > most.size ? { p, size: p.in + p.out + p.internal } : most),
      { size: 0 },
    );
    const packets = raw.reduce((all, p) => all + (p.packets * step) / 1000, 0);
    const lost = raw.reduce((all, p) => all + p.lost, 0);
    const total = (id, text, title, href) =>
      h(
        href ? "a" : "div",
        { class: "total-cell", href, title },
        h("span", {}, t(`history.total.${id}`)),
        h("b", {}, text),
      );
    fill(
      totals,
      ["in", "out", "internal"].map((key) => total(key, bytes(sum(key)), exactBytes(sum(key)))),
      total("packets", count(packets)),
      total("lost", count(lost), null, "/health#capture"),
      peak.p &&
        h(
          "button",
          {
            class: "total-cell",
            type: "button",
            onclick: () => zoom(peak.p.time - 10 * step, peak.p.time + 10 * step),
          },
          h("span", {}, t("history.total.peak")),
          h("b", {}, rate(peak.size / 8)),
          h("small", {}, t("history.peak.at", { time: time(peak.p) })),
        ),
      h(
        "a",
        { class: "total-cell", href: `/alerts${query({ ...place(), state: "all" })}` },
        h("span", {}, t("history.total.alerts")),
        h("b", { class: "alerts-total" }, "–"),
      ),
    );
  }

  async function loadAlerts() {
    try {
      const answer = await get(`/api/alerts${query({ ...place(), state: "all", limit: 500 })}`);
      if (ended) return;
      const cell = totals.querySelector(".alerts-total");
      if (cell) setText(cell, count(answer.total));
      showPins(answer.alerts);
      const shown = [...answer.alerts].sort(
        (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.id - a.id,
      );
      fill(
        alerts,
        shown.length ? h("ul", { class: "rows" }, shown.slice(0, 8).map(alertRow)) : empty(t("history.noalerts")),
      );
    } catch (error) {
      if (!ended) fill(alerts, empty(t("error.load"), error.message));
    }
  }

  // One mark per stretch of the axis: a link to the alerts of that stretch.
  function showPins(list) {
    const em = parseFloat(getComputedStyle(pins).fontSize);
    const marks = Math.max(4, Math.floor(pins.clientWidth / (MARK_EM * em)));
    const width = (to() - from()) / marks;
    const groups = new Map();
    for (const alert of list) {
      const at = Math.max(Date.parse(alert.time), from());
      const slot = Math.min(marks - 1, Math.floor((at - from()) / width));
      if (!groups.has(slot)) groups.set(slot, []);
      groups.get(slot).push(alert);
    }
    const pin = ([slot, group]) => {
      const worst = SEVERITIES.find((s) => group.some((a) => a.severity === s)) ?? "low";
      const start = from() + slot * width;
      const range = { since: new Date(start).toISOString(), until: new Date(start + width).toISOString() };
      const words = t(`history.mark.${group.length === 1 ? "one" : "other"}`, {
        n: count(group.length),
        time: moment(start, now()),
        worst: t(`severity.${worst}`),
      });
      const href = `/alerts${query({ ...range, state: "all" })}`;
      const el = h(
        "a",
        { href, title: words, "aria-label": words },
        mark(worst),
        h("b", {}, group.length > 1 ? count(group.length) : ""),
      );
      el.style.left = `${chart.percentOf(start + width / 2)}%`;
      return el;
    };
    fill(pins, [...groups].sort((a, b) => a[0] - b[0]).map(pin));
  }

  async function loadTalkers() {
    const range = want.range ?? (to() - from() > HOUR ? "30d" : "1h");
    try {
      const answer = await get(`/api/talkers${query({ range, limit: 10 })}`);
      if (ended) return;
      const rows = answer.talkers.map((x) => talkerRow(x, true));
      const card = rankCard({
        area: "",
        title: "history.talkers",
        more: {},
        rows: () => rows,
        none: () => empty(t("history.talkers.none")),
      });
      card.update();
      fill(
        talkers,
        h("p", { class: "muted fine" }, t("history.talkers.since", { time: moment(answer.since, now()) })),
        [...card.element.children].slice(1),
      );
    } catch (error) {
      if (!ended) fill(talkers, empty(t("error.load"), error.message));
    }
  }

  function zoom(a, b) {
    const middle = (a + b) / 2;
    const half = Math.max(LEAST, Math.min(MOST, b - a)) / 2;
    const until = Math.min(middle + half, now());
    const since = Math.max(until - 2 * half, 0);
    view.go(`/history${query({ since: new Date(since).toISOString(), until: new Date(until).toISOString() })}`);
  }

  function shift(way) {
    const length = to() - from();
    zoom(from() + (way * length) / 2, to() + (way * length) / 2);
  }

  function switchTable() {
    table.hidden = !table.hidden;
    plot.hidden = !table.hidden;
    pins.hidden = plot.hidden;
    toggle.setAttribute("aria-pressed", String(!table.hidden));
    setText(toggle, t(table.hidden ? "history.table" : "history.chart"));
    if (!table.hidden) fill(table, seriesTable(points, time, 400));
  }
}

const alertRow = (a) =>
  h(
    "li",
    { class: "row", "data-row": true },
    mark(a.severity),
    h(
      "a",
      { href: `/alerts?state=all&id=${a.id}`, "data-focus": true },
      h("span", { class: "unseen" }, t(`severity.${a.severity}`), ": "),
      h("span", { class: "name summary", title: summaryOf(a) }, sentenceOf(a)),
    ),
    h("div", { class: "right" }, when(a.last_time)),
  );
