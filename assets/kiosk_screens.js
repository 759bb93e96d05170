// The screens of the kiosk: each an element made once, whether it has something to say (`worth`), and how it is filled
// (`update`).

import { h, keyed, name, setText, svg } from "./dom.js";
import { ago, bytes, count, decimal, duration, rate, ratePair } from "./format.js";
import { said, t, tn } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { partyName, sentenceOf } from "./parts.js";
import { SEVERITIES, now, state, worst } from "./state.js";

/** A screen by its name in `SCREENS`: `{ element, update, worth }`. */
export const kioskScreen = (id) => MAKERS[id]();

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
    h(
      "div",
      { class: "figures" },
      figures.map((f) => f.el),
    ),
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
    areas[0].setAttribute(
      "d",
      area((p) => p.in / top),
    );
    areas[1].setAttribute(
      "d",
      area((p) => p.out / top),
    );
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
  const element = screen(
    "devices",
    h(
      "div",
      { class: "figures" },
      figures.map((f) => f.el),
    ),
    list,
  );
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
  const element = screen(
    "talkers",
    lists.map((l) => l.el),
  );
  const update = () => {
    const { top_talkers: hosts, top_destinations: places = [] } = state.snapshot;
    const speed = (x) => x.in_bytes_per_second + x.out_bytes_per_second;
    const size = (x) => x.bytes_in_hour + x.bytes_out_hour;
    bars(
      lists[0].list,
      hosts.map((x) => ({ id: x.ip, label: partyName(x), value: speed(x), figure: rate(speed(x)) })),
    );
    bars(
      lists[1].list,
      places.map((x) => ({ id: x.name ?? x.ip, label: partyName(x), value: size(x), figure: bytes(size(x)) })),
    );
    for (const { list, el } of lists) el.hidden = !list.firstChild;
  };
  return { element, update, worth: () => state.snapshot.top_talkers.length > 0 };
}

function bars(list, entries) {
  const shown = entries.slice(0, TALKERS);
  const most = Math.max(1, ...shown.map((e) => e.value));
  keyed(
    list,
    shown,
    (e) => e.id,
    bar,
    (el, entry) => {
      setText(el._parts.label, entry.label);
      setText(el._parts.figure, entry.figure);
      el._parts.length.style.width = `${((100 * entry.value) / most).toFixed(1)}%`;
    },
  );
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
  const element = screen(
    "health",
    h(
      "div",
      { class: "cells" },
      cells.map((c) => c.el),
    ),
    troubles,
  );
  const update = () => {
    const read = readings(state.snapshot);
    for (const { id, value, el } of cells) {
      const [text, bad] = read[id];
      el.hidden = text === null;
      el.className = bad ? "bad" : "";
      setText(value, text ?? "");
    }
    keyed(
      troubles,
      said(state.snapshot.monitor, "problems").slice(0, 3),
      (p) => p,
      (p) => h("li", {}, p),
    );
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

const MAKERS = {
  traffic: trafficScreen,
  alerts: alertsScreen,
  devices: devicesScreen,
  talkers: talkersScreen,
  health: healthScreen,
};
