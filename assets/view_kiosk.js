// The kiosk: screens that take turns on a wall, read from across the room. It runs for months: every screen is made
// once and filled anew, one timer drives it all, and once a night the page loads itself again.

import { request } from "./api.js";
import { fill, h, keyed, name, setText, svg } from "./dom.js";
import { ago, bytes, clock, count, decimal, duration, moment, rate, ratePair } from "./format.js";
import { lang, t, tn } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { chime } from "./kiosk_chime.js";
import { options, setUp } from "./kiosk_options.js";
import { kindTitle } from "./kinds.js";
import { partyName, sentenceOf } from "./parts.js";
import { SEVERITIES, now, state, worst } from "./state.js";

const URGENT = ["critical", "high"];
/** How long an urgent alert keeps the screen after it last grew, while nobody acknowledges it. */
const STAYS_MS = 10 * 60_000;
/** The tools and the pointer show for this long after a touch. */
const AWAKE_MS = 4000;
/** The picture moves a little every minute, along this way, so that nothing burns in. */
const SHIFTS = [0, 1, 2, 2, 2, 1, 0, -1, -2, -2, -2, -1];
/** The page loads itself again at half past three or a little later, when the monitor answers. */
const RELOAD_AT = [3, 30];
const RELOAD_SPREAD_MS = 20 * 60_000;
const RELOAD_RETRY_MS = 5 * 60_000;

export function kioskView(view) {
  const wanted = options(view.params);
  const all = { traffic: trafficScreen, alerts: alertsScreen, devices: devicesScreen, talkers: talkersScreen, health: healthScreen };
  const screens = wanted.screens.map((id) => ({ id, ...all[id](), dot: h("i", {}) }));
  const head = headLine();
  const heading = h("h2", {});
  const told = h("p", { class: "kiosk-told" });
  const dots = h("div", { class: "kiosk-dots", "aria-hidden": "true", hidden: screens.length < 2 }, screens.map((s) => s.dot));
  const sound = chime(wanted.sound);
  const tools = toolbar();
  const element = h(
    "section",
    { class: "kiosk", "aria-label": t("nav.kiosk") },
    head.element,
    h("div", { class: "kiosk-body live" }, heading, screens.map((s) => s.element)),
    h("footer", {}, dots, told, tools.element),
  );

  let shown = null;
  let since = performance.now();
  let paused = false;
  let awake = -AWAKE_MS;
  let byHand = -Infinity;
  let reload = nextReload();

  // ---- taking turns

  const fits = (screen) => Boolean(state.snapshot && screen?.worth());
  const holding = () => {
    const urgent = worst().filter((a) => URGENT.includes(a.severity));
    return urgent.some((a) => now() - Date.parse(a.last_time) < STAYS_MS);
  };

  function show(screen) {
    if (shown !== screen) since = performance.now();
    shown = screen;
    for (const s of screens) {
      s.element.hidden = s !== screen;
      s.dot.className = s === screen ? "on" : fits(s) ? "" : "none";
    }
    setText(heading, screen ? t(`kiosk.${screen.id}`) : t("kiosk.wait"));
    screen?.update();
  }

  function turn(by = 1) {
    const turns = screens.filter(fits);
    const at = turns.indexOf(shown);
    show(turns[(at + by + turns.length) % turns.length] ?? null);
  }

  function turnByHand(by) {
    byHand = performance.now();
    turn(by);
  }

  const recent = (time) => performance.now() - time < wanted.seconds * 1000;

  function tick() {
    const alerts = screens.find((s) => s.id === "alerts");
    const held = fits(alerts) && holding();
    if (!state.snapshot) show(null);
    else if (held && !paused && !recent(byHand)) show(alerts);
    else if (!fits(shown) || (!paused && !recent(since))) turn();
    else show(shown);
    element.toggleAttribute("data-held", held);
    setText(told, said(held));
    head.update();
    const minute = Math.floor(Date.now() / 60_000);
    const [x, y] = [SHIFTS[minute % SHIFTS.length], SHIFTS[(minute + 3) % SHIFTS.length]];
    element.style.transform = `translate(${0.12 * x}rem, ${0.12 * y}rem)`;
    element.toggleAttribute("data-awake", performance.now() - awake < AWAKE_MS);
    freshen(held);
  }

  function said(held) {
    if (sound.waits()) return t("kiosk.silent");
    if (paused) return t("kiosk.paused");
    return held ? t("kiosk.stays") : "";
  }

  // Once a night, and only when somebody is there to answer: else the wall would show the browser's own error.
  async function freshen(held) {
    if (Date.now() < reload) return;
    reload = Date.now() + RELOAD_RETRY_MS;
    if (held) return;
    try {
      if ((await request("GET", "/healthz"))?.version) location.reload();
    } catch {
      /* tried again in a while */
    }
  }

  // ---- the hands of whoever stands before it

  function toolbar() {
    const pause = h("button", { type: "button", onclick: stand }, t("kiosk.pause"));
    function stand() {
      paused = !paused;
      since = performance.now();
      setText(pause, t(paused ? "kiosk.resume" : "kiosk.pause"));
      tick();
    }
    const bar = h(
      "div",
      { class: "kiosk-tools", role: "group", "aria-label": t("kiosk.tools") },
      pause,
      h("button", { type: "button", onclick: () => turnByHand(1) }, t("kiosk.next")),
      h("button", { type: "button", onclick: () => setUp(wanted, view) }, t("kiosk.settings")),
      // Loads the page anew: the kiosk's theme and language are its own.
      h("a", { class: "button", href: "/", target: "_self" }, t("kiosk.leave")),
    );
    return { element: bar, stand };
  }

  function touched() {
    awake = performance.now();
    element.setAttribute("data-awake", "");
    sound.allow();
  }

  function key(event) {
    touched();
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "ArrowRight") turnByHand(1);
    else if (event.key === "ArrowLeft") turnByHand(-1);
    else if (event.key === " " && !event.target.closest("button, a")) tools.stand();
    else return;
    event.preventDefault();
  }

  // ---- what the browser offers

  let lock = null;
  const stayLit = () => {
    if (document.hidden || !navigator.wakeLock) return;
    navigator.wakeLock.request("screen").then(
      (held) => (lock = held),
      () => {},
    );
  };

  const timer = setInterval(tick, 1000);
  const listeners = [
    [document, "keydown", key],
    [document, "pointermove", touched],
    [document, "pointerdown", touched],
    [document, "visibilitychange", stayLit],
  ];
  for (const [target, type, f] of listeners) target.addEventListener(type, f);
  view.on("alert", ({ alert, raised }) => {
    if (raised && alert.severity === "critical") sound.ring();
    tick();
  });
  view.on("snapshot", tick);
  view.cleanup(() => {
    clearInterval(timer);
    for (const [target, type, f] of listeners) target.removeEventListener(type, f);
    lock?.release().catch(() => {});
    sound.end();
  });
  stayLit();
  tick();
  return element;
}

/** When the page loads itself again: the next half past three that is more than an hour away. */
function nextReload(from = Date.now()) {
  const at = new Date(from + 3_600_000);
  at.setHours(...RELOAD_AT, 0, 0);
  if (at.getTime() < from + 3_600_000) at.setDate(at.getDate() + 1);
  return at.getTime() + Math.random() * RELOAD_SPREAD_MS;
}

// ---- the line that is always there: how things are, and what time it is

function headLine() {
  const sign = h("div", { class: "sign" });
  const title = h("h1", {});
  const facts = h("p", { class: "facts" });
  const time = h("b", {});
  const day = h("span", {});
  const element = h(
    "header",
    { class: "kiosk-state live" },
    sign,
    h("div", { class: "words" }, title, facts),
    h("p", { class: "kiosk-clock" }, time, day),
  );
  const weekday = new Intl.DateTimeFormat(lang(), { weekday: "long", day: "numeric", month: "long" });
  const update = () => {
    setText(time, clock(Date.now()));
    setText(day, weekday.format(new Date()));
    const { tone, words } = stateOfThings();
    if (element.dataset.tone !== tone) {
      element.dataset.tone = tone;
      fill(sign, mark(tone));
    }
    setText(title, words);
    if (!state.snapshot) return;
    const { devices, capture } = state.snapshot;
    setText(facts, [t(`sees.${capture.sees || "unknown"}`), tn("online", devices.online)].join(" · "));
  };
  return { element, update };
}

function stateOfThings() {
  if (!state.snapshot) return { tone: "low", words: t("kiosk.wait") };
  const { alerts, capture, monitor } = state.snapshot;
  const open = alerts.open ?? {};
  const calls = [...URGENT, "medium"];
  const urgent = calls.reduce((sum, s) => sum + (open[s] ?? 0), 0);
  const first = worst().find((a) => calls.includes(a.severity));
  if (urgent) {
    const about = first ? sentenceOf(first) : t("state.loading");
    return { tone: calls.find((s) => open[s] > 0), words: `${tn("needs", urgent)}: ${about}` };
  }
  if (capture.sees === "silent") return { tone: "high", words: t("state.silent") };
  if (monitor.status === "degraded") return { tone: "medium", words: t("state.degraded") };
  const since = Math.max(state.lastAlert, Date.parse(monitor.started));
  return { tone: "quiet", words: t("state.quiet", { time: moment(since, now()) }) };
}

// ---- the screens: an element made once, whether it has something to say, and how it is filled

const screen = (id, ...content) => h("div", { class: `kiosk-screen kiosk-${id}`, hidden: true }, content);

function trafficScreen() {
  const figures = ["in", "out", "internal"].map((way) => {
    const [value, unit] = [h("b", {}), h("span", {})];
    return { way, value, unit, el: h("p", { class: way }, h("i", {}, t(`traffic.${way}`)), value, unit) };
  });
  const highest = h("p", { class: "highest" });
  const areas = ["in", "out"].map((way) => svg("path", { class: way }));
  const picture = svg(
    "svg",
    { viewBox: "0 0 300 100", preserveAspectRatio: "none", role: "img", "aria-label": t("traffic.chart") },
    ...areas,
  );
  const element = screen(
    "traffic",
    h("div", { class: "figures" }, figures.map((f) => f.el)),
    h("div", { class: "picture" }, highest, picture),
  );
  const update = () => {
    for (const { way, value, unit } of figures) {
      const [number, of] = ratePair(state.snapshot.traffic[`${way}_bytes_per_second`]);
      setText(value, number);
      setText(unit, of);
    }
    const top = Math.max(1, ...state.history.map((p) => Math.max(p.in, p.out)));
    setText(highest, t("kiosk.highest", { rate: rate(top) }));
    areas[0].setAttribute("d", area((p) => p.in / top));
    areas[1].setAttribute("d", area((p) => p.out / top));
  };
  return { element, update, worth: () => state.history.some((p) => p.in || p.out || p.internal) };
}

// The last 300 seconds as a filled shape in a box of 300 by 100.
function area(height) {
  const end = state.history.at(-1)?.time ?? 0;
  const x = (p) => 300 - (end - p.time) / 1000;
  const points = state.history.map((p) => `${x(p).toFixed(1)} ${(100 - 96 * height(p)).toFixed(1)}`);
  const first = state.history[0];
  return first ? `M${x(first).toFixed(1)} 100L${points.join("L")}L300 100Z` : "";
}

const ALERTS = 3;

function alertsScreen() {
  const list = h("ul", {});
  const more = h("p", { class: "rest" });
  const element = screen("alerts", list, more);
  const update = () => {
    const open = worst();
    keyed(list, open.slice(0, ALERTS), (a) => a.id, alertRow, fillAlert);
    const counts = state.snapshot.alerts.open ?? {};
    const left = SEVERITIES.reduce((sum, s) => sum + (counts[s] ?? 0), 0) - Math.min(ALERTS, open.length);
    setText(more, left > 0 ? tn("kiosk.more", left) : "");
  };
  return { element, update, worth: () => state.open.size > 0 };
}

function alertRow(alert) {
  const [summary, detail] = [h("p", { class: "summary" }), h("p", { class: "about" })];
  const el = h("li", { class: alert.severity }, mark(alert.severity), h("div", {}, summary, detail));
  el._parts = { summary, detail };
  return el;
}

function fillAlert(el, alert) {
  setText(el._parts.summary, sentenceOf(alert));
  const often = alert.count > 1 && t("kiosk.times", { n: count(alert.count) });
  const words = [t(`severity.${alert.severity}`), kindTitle(alert.kind), ago(alert.last_time, now()), often];
  setText(el._parts.detail, words.filter(Boolean).join(" · "));
}

const DEVICES = 8;

function devicesScreen() {
  const figures = ["online", "total", "new_today"].map((key) => {
    const value = h("b", {});
    return { key, value, el: h("p", {}, value, h("span", {}, t(`devices.${key}`))) };
  });
  const list = h("ul", {});
  const element = screen("devices", h("div", { class: "figures" }, figures.map((f) => f.el)), list);
  const update = () => {
    for (const { key, value } of figures) setText(value, count(state.snapshot.devices[key]));
    const shown = [...state.devices.values()].sort(byNews).slice(0, DEVICES);
    keyed(list, shown, (d) => d.id + d.kind, deviceRow, fillDevice);
  };
  return { element, update, worth: () => state.snapshot.devices.total > 0 };
}

const gone = (d) => d.important && !d.online;
const fresh = (d) => now() - Date.parse(d.first_seen) < 86_400_000;
const moved = (d) => d.bytes_in_today + d.bytes_out_today;
const byNews = (a, b) =>
  gone(b) - gone(a) || fresh(b) - fresh(a) || b.online - a.online || moved(b) - moved(a) || (a.id < b.id ? -1 : 1);

function deviceRow(device) {
  const [label, detail] = [name(""), h("small", {})];
  const el = h("li", {}, icon(device.kind), h("div", {}, label, detail));
  el._parts = { label, detail };
  return el;
}

function fillDevice(el, device) {
  setText(el._parts.label, device.label);
  el.className = gone(device) ? "gone" : device.online ? "" : "off";
  setText(el._parts.detail, deviceNews(device));
}

function deviceNews(device) {
  if (gone(device)) return t("important gone");
  if (fresh(device)) return t("kiosk.first", { ago: ago(device.first_seen, now()) });
  if (!device.online) return t("kiosk.seen", { ago: ago(device.last_seen, now()) });
  return `${bytes(moved(device))} ${t("today")}`;
}

const TALKERS = 5;

function talkersScreen() {
  const lists = ["devices", "places"].map((id) => {
    const list = h("ol", {});
    return { list, el: h("div", {}, h("h3", {}, t(`kiosk.talkers.${id}`)), list) };
  });
  const element = screen("talkers", lists.map((l) => l.el));
  const update = () => {
    const { top_talkers: hosts, top_destinations: places = [] } = state.snapshot;
    const speed = (x) => x.in_bytes_per_second + x.out_bytes_per_second;
    const size = (x) => x.bytes_in_hour + x.bytes_out_hour;
    bars(lists[0].list, hosts.map((x) => ({ id: x.ip, label: partyName(x), value: speed(x), figure: rate(speed(x)) })));
    bars(lists[1].list, places.map((x) => ({ id: x.name ?? x.ip, label: partyName(x), value: size(x), figure: bytes(size(x)) })));
    for (const { list, el } of lists) el.hidden = !list.firstChild;
  };
  return { element, update, worth: () => state.snapshot.top_talkers.length > 0 };
}

function bars(list, entries) {
  const shown = entries.slice(0, TALKERS);
  const most = Math.max(1, ...shown.map((e) => e.value));
  keyed(list, shown, (e) => e.id, bar, (el, entry) => {
    setText(el._parts.label, entry.label);
    setText(el._parts.figure, entry.figure);
    el._parts.length.style.width = `${((100 * entry.value) / most).toFixed(1)}%`;
  });
}

function bar() {
  const [label, figure, length] = [name(""), h("b", {}), h("i", {})];
  const el = h("li", {}, label, figure, h("span", { "aria-hidden": "true" }, length));
  el._parts = { label, figure, length };
  return el;
}

function healthScreen() {
  const cells = ["packets", "lost", "cpu", "memory", "temperature", "power", "disk", "uptime"].map((id) => {
    const value = h("b", {});
    return { id, value, el: h("p", {}, h("span", {}, t(`sensor.${id}`)), value) };
  });
  const troubles = h("ul", { class: "troubles" });
  const element = screen("health", h("div", { class: "cells" }, cells.map((c) => c.el)), troubles);
  const update = () => {
    const said = readings(state.snapshot);
    for (const { id, value, el } of cells) {
      const [text, bad] = said[id];
      el.hidden = text === null;
      el.className = bad ? "bad" : "";
      setText(value, text ?? "");
    }
    keyed(troubles, state.snapshot.monitor.problems.slice(0, 3), (p) => p, (p) => h("li", {}, p));
  };
  return { element, update, worth: () => true };
}

function readings({ capture, monitor, system }) {
  const { temperature_celsius: heat, under_voltage: weak, disk_free_bytes: free } = system;
  const told = (value) => value !== null && value !== undefined;
  return {
    packets: [`${count(capture.packets_per_second)}/s`],
    lost: [count(capture.dropped), capture.dropped_per_second > 0],
    cpu: [`${decimal(system.cpu_percent)} %`, system.throttled === true],
    memory: [bytes(system.memory_bytes)],
    temperature: [told(heat) ? `${decimal(heat, 0)} °C` : null, heat >= 80],
    power: [typeof weak === "boolean" ? t(`sensor.power.${weak ? "weak" : "good"}`) : null, weak],
    disk: [told(free) ? bytes(free) : null, told(free) && free < 2e8],
    uptime: [duration(monitor.uptime_seconds)],
  };
}
