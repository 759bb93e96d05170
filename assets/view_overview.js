// The first screen: is everything all right, what flows, what needs attention, who is there, how the sensor does.

import { acknowledge, mute } from "./actions.js";
import { fill, h, keyed, name, setAttr, setText } from "./dom.js";
import { bytes, bytesPair, count, decimal, duration, exactBytes, full, moment } from "./format.js";
import { said, t, tn } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { cardHead, empty, parties, sentenceOf, setWhen, summaryOf, when } from "./parts.js";
import { applicationRow, destinationRow, rankCard, talkerRow } from "./rank.js";
import { sightButton, sightWords } from "./sight.js";
import { SEVERITIES, now, state, unknownStandsOut, worst } from "./state.js";
import { trafficCard } from "./traffic.js";

const URGENT = ["critical", "high", "medium"];

export function overviewView(view) {
  const traffic = trafficCard();
  const parts = [
    sentence(view.kiosk),
    traffic,
    alertsCard(),
    talkersCard(),
    destinationsCard(),
    applicationsCard(),
    devicesCard(),
    sensorStrip(),
  ];
  const element = h(
    "div",
    { class: "overview" },
    parts.map((p) => p.element),
  );
  // Shown with its first figures, so that nothing moves when they arrive.
  const show = (what) => {
    parts.forEach((p) => p.update(what));
    element.dataset.ready = "";
  };
  if (state.snapshot) show("snapshot");
  view.on("snapshot", () => show("snapshot"));
  view.on("alert", () => state.snapshot && show("alert"));
  view.on("link", () => state.snapshot && show("link"));
  view.on("resumed", () => traffic.resume());
  const again = () => state.snapshot && show("alert");
  document.addEventListener("kindschange", again);
  view.cleanup(() => document.removeEventListener("kindschange", again));
  view.cleanup(() => parts.forEach((p) => p.end?.()));
  return element;
}

// ---- the sentence

function sentence(kiosk) {
  const sign = h("div", { class: "sign" }, mark("quiet"));
  const title = h("h1", {}, "\u00a0");
  const sight = kiosk ? sightWords() : sightButton();
  const facts = h("p", { class: "facts" }, "\u00a0");
  const tools = h("div", { class: "actions" });
  const troubles = h("ul", { class: "troubles" });
  const element = h(
    "section",
    { class: "state live", "aria-label": t("state") },
    sign,
    h("div", { class: "words" }, title, h("div", { class: "facts" }, sight.element, facts), troubles),
    tools,
  );
  let last = "";
  const update = () => {
    const said = say();
    const id = JSON.stringify([said.tone, said.words, said.alert?.id]);
    if (id !== last) {
      last = id;
      element.dataset.tone = said.tone;
      fill(sign, mark(said.tone));
      fill(title, said.words);
      fill(
        tools,
        said.alert && [
          h("a", { class: "button primary", href: said.href }, t("look")),
          h("button", { type: "button", "data-change": true, onclick: () => acknowledge(said.alert) }, t("ack")),
          h("button", { type: "button", "data-change": true, onclick: () => mute(said.alert) }, t("mute")),
        ],
      );
    }
    sight.update();
    showFacts(facts);
    keyed(
      troubles,
      problems(),
      (p) => p,
      (p) => h("li", {}, p),
    );
  };
  return { element, update };
}

function say() {
  const { alerts, capture, monitor } = state.snapshot;
  const open = alerts.open ?? {};
  const urgent = URGENT.reduce((sum, s) => sum + (open[s] ?? 0), 0);
  const first = worst().find((a) => URGENT.includes(a.severity));
  if (urgent) {
    const tone = URGENT.find((s) => open[s] > 0);
    const href = `/alerts?id=${first?.id ?? ""}`;
    const about = first ? sentenceOf(first) : t("state.loading");
    return { tone, alert: first, href, words: `${tn("needs", urgent)}: ${about}` };
  }
  if (capture.sees === "silent") return { tone: "high", words: t("state.silent") };
  if (monitor.status === "degraded") return { tone: "medium", words: t("state.degraded") };
  // Quiet means little where little is seen.
  if (["own", "one_way"].includes(capture.sees)) return { tone: "medium", words: t(`state.quiet.${capture.sees}`) };
  const since = Math.max(state.lastAlert, Date.parse(monitor.started));
  return { tone: "quiet", words: t("state.quiet", { time: moment(since, now()) }) };
}

function problems() {
  return [...new Set(said(state.snapshot.monitor, "problems"))].slice(0, 4);
}

function showFacts(el) {
  const { alerts, capture, devices, monitor } = state.snapshot;
  const { learning } = monitor;
  const low = alerts.open?.low ?? 0;
  const entries = [
    ["/devices?show=online", tn("online", devices.online)],
    ["/devices?show=new", tn("new", devices.new_today)],
    devices.unknown && unknownStandsOut() && ["/devices?show=unknown", tn("unknown", devices.unknown)],
    ["/health#capture", tn("lost", capture.dropped)],
    learning && !learning.done && ["/health#monitor", t("sensor.learning", learning)],
    low && ["/alerts?severity=low", tn("notices", low)],
  ].filter(Boolean);
  keyed(
    el,
    entries,
    (e) => e[0] + entries.indexOf(e),
    ([href]) => h("a", { href }),
    (a, [, words]) => setText(a, words),
  );
}

// ---- open alerts

function alertsCard() {
  const counts = SEVERITIES.map((s) => {
    const n = h("b", {}, "–");
    return {
      s,
      n,
      el: h(
        "a",
        { class: `tally ${s}`, href: `/alerts?severity=${s}` },
        mark(s),
        n,
        h("span", {}, t(`severity.${s}`)),
      ),
    };
  });
  const list = h("ul", { class: "rows" });
  const none = h("div", { class: "none", hidden: true });
  const element = h(
    "section",
    { class: "card alerts live" },
    cardHead(t("open alerts"), "/alerts", t("all alerts")),
    h(
      "div",
      { class: "tallies" },
      counts.map((c) => c.el),
    ),
    list,
    none,
  );
  let drawn = "";
  const update = (what) => {
    const open = state.snapshot.alerts.open ?? {};
    for (const { s, n, el } of counts) {
      setText(n, count(open[s] ?? 0));
      el.classList.toggle("zero", !open[s]);
    }
    const shown = worst().slice(0, 5);
    none.hidden = shown.length > 0;
    list.hidden = !shown.length;
    const id = shown.map((a) => `${a.id} ${a.count} ${a.last_time}`).join();
    if (id === drawn && what === "snapshot") return;
    drawn = id;
    if (!shown.length) fill(none, emptyAlerts());
    keyed(list, shown, (a) => a.id, alertRow, updateRow);
  };
  return { element, update };
}

function emptyAlerts() {
  const { uptime_seconds: up } = state.snapshot.monitor;
  const why = state.lastAlert ? t("alerts.none.acked") : t("alerts.none.why", { time: duration(up) });
  return empty(t("alerts.none"), why);
}

function alertRow(alert) {
  const kind = h("span", { class: "kind" });
  const summary = h("span", { class: "name summary" });
  const times = h("span", { class: "times" });
  const who = h("span", { class: "who" });
  const el = h(
    "li",
    { class: "row", "data-row": true },
    mark(alert.severity),
    h(
      "a",
      { href: `/alerts?id=${alert.id}`, "data-focus": true },
      h("span", { class: "unseen" }, t(`severity.${alert.severity}`), ": "),
      summary,
    ),
    h("small", {}, kind, who),
    h("div", { class: "right" }, when(alert.last_time), times),
  );
  el._set = (a) => {
    setText(kind, kindTitle(a.kind));
    setText(summary, sentenceOf(a));
    setAttr(summary, "title", summaryOf(a));
    fill(who, parties(a));
    setText(times, a.count > 1 ? `${count(a.count)}×` : "");
    setWhen(el.querySelector("time"), a.last_time);
  };
  return el;
}

const updateRow = (el, alert) => el._set(alert);

// ---- who, where to, in what

const ROWS = 8;

const talkersCard = () =>
  rankCard({
    area: "talking",
    title: "talkers",
    more: { href: "/history?range=1h#talkers", label: "talkers.more" },
    rows: () => state.snapshot.top_talkers.slice(0, ROWS).map((x) => talkerRow(x)),
    none: () => empty(t("talkers.none"), t("talkers.none.why")),
  });

const destinationsCard = () =>
  rankCard({
    area: "places",
    title: "destinations",
    more: { href: "/history?range=1h#destinations", label: "rank.hour" },
    rows: () => (state.snapshot.top_destinations ?? []).slice(0, ROWS).map(destinationRow),
    none: () => empty(t("destinations.none"), blind() ?? t("destinations.none.why")),
  });

const applicationsCard = () =>
  rankCard({
    area: "spoken",
    title: "applications",
    more: { href: "/history?range=1h#applications", label: "rank.hour" },
    rows: () => (state.snapshot.applications ?? []).slice(0, ROWS).map(applicationRow),
    none: () => empty(t("applications.none"), blind() ?? t("applications.none.why")),
  });

// A sensor that sees only itself has nothing to rank, and that is why.
const blind = () =>
  ["own", "silent"].includes(state.snapshot.capture.sees) ? t(`blind.${state.snapshot.capture.sees}`) : null;

// ---- devices

const CHIPS = 12;
const FIGURES = {
  online: "/devices?show=online",
  total: "/devices",
  new_today: "/devices?show=new",
  unknown: "/devices?show=unknown",
};

function devicesCard() {
  const figures = Object.entries(FIGURES).map(([key, href]) => {
    const n = h("b", {}, "–");
    return { key, n, el: h("a", { class: "tally", href }, n, h("span", {}, t(`devices.${key}`))) };
  });
  const chips = h("ul", { class: "chips" });
  const none = h("div", { hidden: true });
  const element = h(
    "section",
    { class: "card there live" },
    cardHead(t("nav.devices"), "/devices", t("all devices")),
    h(
      "div",
      { class: "tallies" },
      figures.map((f) => f.el),
    ),
    chips,
    none,
  );
  let drawn = 0;
  const update = () => {
    const { devices } = state.snapshot;
    for (const { key, n } of figures) setText(n, count(devices[key] ?? 0));
    if (performance.now() - drawn < 4500 && drawn) return;
    if (chips.matches(":hover, :focus-within")) return;
    drawn = performance.now();
    const shown = [...state.devices.values()].sort(byPresence).slice(0, CHIPS);
    none.hidden = shown.length > 0;
    if (!shown.length) fill(none, empty(t("devices.none"), t("devices.none.why")));
    keyed(
      chips,
      shown,
      (d) => d.id,
      chip,
      (el, d) => el._set(d),
    );
  };
  return { element, update };
}

const missing = (d) => d.important && !d.online;
const bytesToday = (d) => d.bytes_in_today + d.bytes_out_today;
const isNew = (d) => now() - Date.parse(d.first_seen) < 86_400_000;
const byPresence = (a, b) =>
  missing(b) - missing(a) || b.online - a.online || bytesToday(b) - bytesToday(a) || (a.id < b.id ? -1 : 1);

function chip(device) {
  const label = name("");
  const detail = h("small", {});
  const place = h("span", { class: "glyph" });
  const a = h(
    "a",
    { href: `/devices/${encodeURIComponent(device.id)}` },
    place,
    h("span", { class: "two" }, label, detail),
  );
  const el = h("li", {}, a);
  let kind;
  el._set = (d) => {
    if (kind !== d.kind) fill(place, icon((kind = d.kind)));
    setText(label, d.label);
    setAttr(
      a,
      "title",
      [d.label, d.vendor, d.ips[0], t(d.online ? "online" : "offline")].filter(Boolean).join(" · "),
    );
    setText(
      detail,
      missing(d)
        ? t("important gone")
        : d.known === false && isNew(d) && unknownStandsOut()
          ? t("device.unknown.yet")
          : d.online
            ? `${bytes(bytesToday(d))} ${t("today")}`
            : t("offline"),
    );
    el.classList.toggle("off", !d.online);
    el.classList.toggle("gone", missing(d));
  };
  return el;
}

// ---- the sensor

function sensorStrip() {
  const cells = SENSOR.map(([id, href]) => {
    const value = h("b", {}, "–");
    return { id, value, el: h("a", { class: "cell", href }, h("span", {}, t(`sensor.${id}`)), value) };
  });
  const element = h(
    "section",
    { class: "card sensor live", "aria-label": t("sensor") },
    cells.map((c) => c.el),
  );
  const update = () => {
    const said = readings(state.snapshot);
    for (const { id, value, el } of cells) {
      const [text, exact, bad] = said[id];
      el.hidden = text === null;
      setText(value, text);
      setAttr(el, "title", exact);
      el.classList.toggle("bad", Boolean(bad));
    }
  };
  return { element, update };
}

const SENSOR = [
  ["packets", "/health#capture"],
  ["lost", "/health#capture"],
  ["cpu", "/health#system"],
  ["memory", "/health#system"],
  ["temperature", "/health#system"],
  ["power", "/health#system"],
  ["written", "/health#store"],
  ["clock", "/health#clock"],
  ["feeds", "/health#feeds"],
  ["disk", "/health#store"],
  ["uptime", "/health#monitor"],
];

function readings({ capture, monitor, system }) {
  const heat = system.temperature_celsius;
  return {
    packets: [`${count(capture.packets_per_second)}/s`, t("sensor.packets.exact", { n: count(capture.packets) })],
    lost: [
      count(capture.dropped),
      t("sensor.lost.exact", { n: decimal(capture.dropped_per_second) }),
      capture.dropped_per_second > 0,
    ],
    cpu: cpu(system),
    memory: [bytesPair(system.memory_bytes).join(" "), exactBytes(system.memory_bytes)],
    temperature: [
      heat === null || heat === undefined ? "–" : `${decimal(heat, 0)} °C`,
      heat === null ? t("sensor.temperature.none") : null,
      heat >= 80,
    ],
    power: power(system.under_voltage),
    written: [bytes(system.written_today_bytes), `${t("today")}: ${exactBytes(system.written_today_bytes)}`],
    disk: [
      system.disk_free_bytes === null ? "–" : bytes(system.disk_free_bytes),
      t("sensor.disk.exact", { size: bytes(system.store_bytes) }),
      system.disk_free_bytes < 2e8 && system.disk_free_bytes !== null,
    ],
    clock: clockReading(monitor.clock),
    feeds: feedsReading(monitor.feeds),
    uptime: [duration(monitor.uptime_seconds), uptimeExact(monitor)],
  };
}

// Hidden where the machine does not say whether its clock is right.
function clockReading(clock) {
  if (typeof clock?.synchronised !== "boolean") return [null, null, false];
  const right = clock.synchronised;
  return [t(right ? "sensor.clock.right" : "sensor.clock.wrong"), t(right ? "sensor.clock.exact" : "todo.clock.synchronised"), !right];
}

// Hidden without lists; those that are files of the owner have no age.
function feedsReading(feeds) {
  if (!feeds?.lists) return [null, null, false];
  const age = feeds.oldest_age_seconds;
  const bad = feeds.problems > 0 || age > 3 * 86_400;
  return [age === null ? tn("sensor.feeds.lists", feeds.lists) : duration(age), tn(bad ? "sensor.feeds.bad" : "sensor.feeds.exact", feeds.lists), bad];
}

function cpu({ cpu_percent: busy, load, throttled }) {
  const exact = t("sensor.cpu.exact", { n: decimal(load, 2) });
  const figure = `${decimal(busy)} %`;
  if (!throttled) return [figure, exact];
  return [`${figure} ${t("sensor.slowed")}`, `${exact}; ${t("sensor.slowed.exact")}`, true];
}

/** No cell where the board does not say. */
function power(weak) {
  if (typeof weak !== "boolean") return [null];
  return [t(`sensor.power.${weak ? "weak" : "good"}`), t("sensor.power.exact"), weak];
}

function uptimeExact(monitor) {
  const since = t("sensor.uptime.exact", { time: full(monitor.started) });
  const { learning } = monitor;
  return learning && !learning.done ? `${since}; ${t("sensor.learning", learning)}` : since;
}
