// The traffic card: the last hour, live at its end, with a legend that is also the readout, and the same figures as a
// table for screen readers. Longer ranges are the history page.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { fill, h, setText } from "./dom.js";
import { clock, second } from "./format.js";
import { t } from "./i18n.js";
import { cardHead, empty } from "./parts.js";
import { SERIES, inBits, makeLegend, meanOf, pointWords, ratesOf, seriesTable } from "./series.js";
import { now, state } from "./state.js";

const HOUR = 3_600_000;
/** A monitor that just began shows as much as there is, this at least. */
const SHORTEST = 10 * 60_000;
const STEP = 10_000;
const CALM_MS = 10_000;
const TABLE_MS = 30_000;
const FIGURES = { packets: "/health#capture", dropped: "/health#capture" };

export function trafficCard() {
  // Steps of ten seconds by their start: those of the store, then those that came by since.
  const steps = new Map();
  let drawn = 0;
  let tabled = 0;
  let ended = false;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const legend = makeLegend((key) => FIGURES[key] ?? "/history?range=1h");
  const span = h("span", { class: "muted" }, t("traffic.hour"));
  const message = h("div", { class: "over", hidden: true });
  const table = h("div", { class: "unseen" });
  const chart = new Chart({
    series: SERIES,
    label: t("traffic.chart"),
    onread: read,
    say: (p) => `${second(p.time)}: ${pointWords(p)}`,
  });
  const ranges = ["24h", "7d", "30d"].map((id) => h("a", { href: `/history?range=${id}` }, t(`range.${id}`)));
  const element = h(
    "section",
    { class: "card traffic live" },
    cardHead(
      t("traffic"),
      null,
      null,
      span,
      legend.moment,
      h("nav", { class: "segments", "aria-label": t("history.longer") }, ranges),
    ),
    legend.element,
    h("div", { class: "plot" }, chart.element, message),
    table,
  );
  load();
  return { element, update, end, resume: load };

  function end() {
    ended = true;
    chart.destroy();
  }

  async function load() {
    try {
      const { points } = ratesOf(await get("/api/traffic?range=1h"));
      for (const p of points) steps.set(p.time, p);
      if (!ended && state.snapshot) update();
    } catch {
      /* the chart then begins with what comes by */
    }
  }

  function read(point) {
    if (point) legend.show(point, `${clock(point.time)} · ${t("paused")}`);
    else update();
  }

  function update() {
    if (!chart.paused) legend.show(current(), ["lost", "away"].includes(state.link.status) ? "" : t("now"));
    if (calm.matches && performance.now() - drawn < CALM_MS && drawn) return;
    drawn = performance.now();
    draw();
  }

  // The last five minutes are held second by second: each step of ten that they fill stands for the stored one.
  function gather(to) {
    const groups = new Map();
    for (const p of state.history) {
      const start = Math.floor(p.time / STEP) * STEP;
      if (!groups.has(start)) groups.set(start, []);
      groups.get(start).push(inBits(p));
    }
    const first = state.history[0]?.time ?? 0;
    for (const [start, group] of groups) {
      if (start >= first || !steps.has(start)) steps.set(start, { ...meanOf(group), time: start });
    }
    for (const start of steps.keys()) if (start < to - HOUR - STEP) steps.delete(start);
    const points = [...steps.values()].filter((p) => p.time <= to).sort((a, b) => a.time - b.time);
    // The second that just passed ends the line, so that it moves with every second.
    const last = state.history.at(-1);
    if (last && points.length) points.push({ ...points.at(-1), time: last.time });
    return points;
  }

  function draw() {
    const to = state.history.at(-1)?.time ?? now();
    const points = gather(to);
    message.hidden = points.length > 1 && state.snapshot.capture.packets > 0;
    if (!message.hidden) fill(message, empty(t("traffic.none"), t("traffic.none.why")));
    const shown = Math.min(HOUR, Math.max(SHORTEST, to - (points[0]?.time ?? to)));
    setText(span, shown < HOUR ? t("traffic.minutes", { n: Math.floor(shown / 60_000) }) : t("traffic.hour"));
    chart.set(points, to - shown, to, STEP);
    if (performance.now() - tabled > TABLE_MS || !tabled) {
      tabled = performance.now();
      fill(
        table,
        seriesTable(points, (p) => clock(p.time), 12),
      );
    }
  }
}

function current() {
  const { traffic, capture } = state.snapshot;
  return inBits({
    in: traffic.in_bytes_per_second,
    out: traffic.out_bytes_per_second,
    internal: traffic.internal_bytes_per_second,
    packets: capture.packets_per_second,
    dropped: capture.dropped_per_second,
  });
}
