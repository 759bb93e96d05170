// The one store of state. One EventSource feeds it; when the server has no place for another stream it polls; when
// the server is away it tries again, ever more slowly, and says since when.

import { get, query } from "./api.js";
import { below } from "./base.js";

const HISTORY_SECONDS = 300;
const OPEN_KEPT = 300;
const POLL_MS = 3000;
const STREAM_RETRY_MS = 30_000;
const SILENT_MS = 6000;
const BACKOFF_MS = [300, 1000, 2000, 4000, 8000, 15_000];

export const SEVERITIES = ["critical", "high", "medium", "low"];

/** Everything known. Read freely, change only here. */
export const state = {
  /** `connecting`, `live`, `polling`, `lost`, `away` (the monitor, not its dashboard), `out` (no session); since when. */
  link: { status: "connecting", since: Date.now() },
  /** The last snapshot: `monitor`, `capture`, `traffic`, `system`, `alerts`, `top_talkers`, `devices`. */
  snapshot: null,
  /** The last five minutes: `{ time, in, out, internal, packets, dropped }`, rates in bytes per second. */
  history: [],
  /** Open alerts by id; all of them when they are few, the worst and newest when they are many. */
  open: new Map(),
  /** When anything was last alerted, acknowledged or not (milliseconds, 0 = never). */
  lastAlert: 0,
  /** Devices by id: at first those of the dashboard, all after `/api/devices` was asked. */
  devices: new Map(),
  /** Who is logged in: `name`, `role`, `two_factor`, `expires`, `kiosk`, `account`; `null` until that is known. */
  me: null,
};

const listeners = new Map();
let stream = null;
let timer = 0;
let tries = 0;
let heard = 0;
let running = false;
let generation = 0;
let snapshotWaits = false;
let reconciled = 0;
let misfits = 0;
let interrupted = false;
let newest = 0;

/**
 * Calls `f` on every `topic` and returns what ends it. `snapshot`: new figures, withheld while the tab is hidden;
 * `beat`: the same, never withheld; `alert`: `{ alert, raised }`; `device`; `link`: the connection changed;
 * `resumed`: events may have been missed, so ask again; `status`: what the stream says of itself.
 */
export function on(topic, f) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(f);
  return () => listeners.get(topic).delete(f);
}

function emit(topic, value) {
  for (const f of listeners.get(topic) ?? []) {
    try {
      f(value);
    } catch (error) {
      console.error(error);
    }
  }
}

/** Now on the monitor's clock, so that neither a wrong clock here nor a replay of old traffic confuses ages. */
export function now() {
  const time = state.snapshot?.monitor?.time;
  return time ? Date.parse(time) + (performance.now() - heard) : Date.now();
}

/** Asks who is logged in. `me` is told; the root says the role, so that CSS hides what a viewer may not do. */
export async function loadMe() {
  try {
    setMe(await get("/api/session"));
  } catch {
    /* what is known stays; the next connection asks again */
  }
}

function setMe(me) {
  const before = JSON.stringify(state.me);
  state.me = me;
  const root = document.documentElement;
  if (me) root.dataset.role = me.role;
  else delete root.dataset.role;
  if (JSON.stringify(me) !== before) emit("me", me);
}

/** Whether who is logged in may change things. */
export const may = () => state.me?.role !== "viewer";

/** Whether a device that is not yet known says something: on the first day all are, and it does not. */
export const unknownStandsOut = () => {
  const { unknown, total } = state.snapshot?.devices ?? {};
  return unknown * 2 < total;
};

/** Begins, or begins again after a log-in. */
export function start() {
  if (running) return;
  running = true;
  tries = 0;
  setLink("connecting");
  connect();
}

/** Ends: no session. */
export function stop() {
  running = false;
  generation += 1;
  closeStream();
  clearTimeout(timer);
  newest = 0;
  Object.assign(state, { snapshot: null, history: [], lastAlert: 0 });
  state.open.clear();
  state.devices.clear();
  setMe(null);
  setLink("out");
}

function setLink(status, since = Date.now()) {
  if (state.link.status === status) return;
  state.link = { status, since };
  emit("link", state.link);
}

function closeStream() {
  stream?.close();
  stream = null;
}

function later(f, ms) {
  clearTimeout(timer);
  timer = setTimeout(f, ms);
}

function lost() {
  closeStream();
  interrupted = true;
  const wait = BACKOFF_MS[Math.min(tries, BACKOFF_MS.length - 1)];
  tries += 1;
  later(connect, wait);
}

async function connect() {
  const mine = ++generation;
  closeStream();
  try {
    const [answer] = await Promise.all([get("/api/dashboard"), loadMe().catch(unlessAway)]);
    if (mine !== generation || !running) return;
    // What is older than these figures can wait until the page stands.
    reconciled = Date.now();
    accept(answer);
  } catch (error) {
    if (mine !== generation || !running || error.status === 401) return;
    setLink("lost", state.snapshot ? Date.now() - (performance.now() - heard) : Date.now());
    lost();
    return;
  }
  openStream(mine);
}

// A dashboard whose monitor is away shows what there was; who is logged in is told once it is back.
function unlessAway(error) {
  if (error.status !== 503) throw error;
}

function openStream(mine) {
  // What was raised since the figures came is told first.
  const source = new EventSource(below(`/api/events${query({ last_event_id: newest || null })}`));
  let opened = false;
  stream = source;
  const listen = (type, f) =>
    source.addEventListener(type, (event) => {
      if (mine === generation && running) f(JSON.parse(event.data));
    });
  source.onopen = () => {
    opened = true;
    heard = performance.now();
    tries = 0;
  };
  source.onerror = () => {
    if (mine !== generation || !running) return;
    if (opened) lost();
    else pollFor(mine, Date.now() + STREAM_RETRY_MS);
  };
  listen("snapshot", acceptSnapshot);
  listen("alert", acceptAlert);
  listen("status", acceptStatus);
  listen("device", (device) => {
    deviceChanged(device);
  });
}

// What the stream says of itself, the first thing that comes on it. `away`: its dashboard stays and says every few
// seconds since when the monitor is gone; the stream goes on when it is back.
function acceptStatus(status) {
  heard = performance.now();
  if (status.state === "away") {
    setLink("away", Date.parse(status.since) || Date.now());
    interrupted = true;
  } else if (status.state === "live") {
    const back = state.link.status === "away";
    setLink("live");
    if (back) refresh();
    // This browser was too slow and missed events, or many alerts changed at once: views ask again.
    if (interrupted || status.lagged || status.detail === "alerts_acknowledged") emit("resumed");
    interrupted = false;
  }
  emit("status", status);
}

async function refresh() {
  const mine = generation;
  try {
    const [answer] = await Promise.all([get("/api/dashboard"), loadMe()]);
    if (mine === generation && running) accept(answer);
  } catch {
    /* the stream goes on; what it lacks comes with the next connection */
  }
}

// No place for another stream: ask instead, and try the stream again after a while.
async function pollFor(mine, until) {
  closeStream();
  tries = 0;
  setLink("polling");
  later(
    async () => {
      if (Date.now() > until) return connect();
      try {
        const answer = await get("/api/dashboard");
        if (mine === generation && running) {
          changesIn(answer.alerts?.recent ?? []);
          accept(answer);
          pollFor(mine, until);
        }
      } catch (error) {
        if (mine === generation && running && error.status !== 401) connect();
      }
    },
    document.hidden ? 10 * POLL_MS : POLL_MS,
  );
}

// While polling, what is new or grown among the newest alerts stands for the events that do not come.
function changesIn(recent) {
  for (const alert of [...recent].reverse()) {
    const known = state.open.get(alert.id);
    if (known ? known.count !== alert.count || alert.acknowledged : alert.id > newest) acceptAlert(alert);
  }
}

function accept(full) {
  state.history = (full.traffic?.history ?? []).map(point);
  for (const alert of full.alerts?.recent ?? []) keepAlert(alert);
  for (const device of full.devices?.list ?? []) state.devices.set(device.id, device);
  acceptSnapshot(full);
}

function point(p) {
  return {
    time: Date.parse(p.time),
    in: p.bytes_in,
    out: p.bytes_out,
    internal: p.bytes_internal,
    packets: p.packets_in + p.packets_out + p.packets_internal,
    dropped: p.dropped,
  };
}

function acceptSnapshot(snapshot) {
  heard = performance.now();
  state.snapshot = snapshot;
  extendHistory(snapshot);
  reconcile();
  emit("beat", snapshot);
  snapshotWaits = document.hidden;
  if (!snapshotWaits) emit("snapshot", snapshot);
}

function extendHistory({ monitor, traffic, capture }) {
  const time = Math.floor(Date.parse(monitor.time) / 1000) * 1000;
  const last = state.history.at(-1);
  if (last && time <= last.time) {
    if (time < last.time - 1000 * HISTORY_SECONDS) state.history = [];
    return;
  }
  state.history.push({
    time,
    in: traffic.in_bytes_per_second,
    out: traffic.out_bytes_per_second,
    internal: traffic.internal_bytes_per_second,
    packets: capture.packets_per_second,
    dropped: capture.dropped_per_second,
  });
  while (state.history[0].time < time - 1000 * HISTORY_SECONDS) state.history.shift();
}

function keepAlert(alert) {
  newest = Math.max(newest, alert.id);
  state.lastAlert = Math.max(state.lastAlert, Date.parse(alert.last_time) || 0);
  if (alert.acknowledged) state.open.delete(alert.id);
  else state.open.set(alert.id, alert);
  if (state.open.size > OPEN_KEPT) {
    const mildest = worst().at(-1);
    state.open.delete(mildest.id);
  }
}

function acceptAlert(alert) {
  const known = state.open.has(alert.id);
  keepAlert(alert);
  emit("alert", { alert, raised: !known && !alert.acknowledged });
}

/** What this page changed itself (acknowledged), told to all views at once. */
export const alertChanged = acceptAlert;

/** A device that this page changed. */
export function deviceChanged(device) {
  // A station that turned out to be this device is no device of its own any more.
  for (const mac of device.macs) state.devices.delete(mac.replaceAll(":", ""));
  state.devices.set(device.id, device);
  emit("device", device);
}

/** Open alerts, worst first, then newest. */
export function worst() {
  return [...state.open.values()].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      Date.parse(b.last_time) - Date.parse(a.last_time),
  );
}

// The snapshot counts what is open; when what we hold does not fit (acknowledged elsewhere, or older than what was
// sent), ask, at most every ten seconds. What fits with the next one was merely under way.
async function reconcile() {
  const counts = state.snapshot.alerts?.open ?? {};
  const held = Object.fromEntries(SEVERITIES.map((s) => [s, 0]));
  for (const alert of state.open.values()) held[alert.severity] += 1;
  const misfit = SEVERITIES.some((s) => held[s] > (counts[s] ?? 0) || (held[s] === 0 && counts[s] > 0));
  misfits = misfit ? misfits + 1 : 0;
  if (misfits < 2 || Date.now() - reconciled < 10_000) return;
  reconciled = Date.now();
  const ask = (severity) => get(`/api/alerts${query({ state: "open", severity, limit: 50 })}`);
  try {
    const wanted = SEVERITIES.filter((s) => counts[s] > 0);
    const answers = await Promise.all(wanted.map(ask));
    state.open.clear();
    for (const alert of answers.flatMap((a) => a.alerts)) keepAlert(alert);
    emit("snapshot", state.snapshot);
  } catch {
    /* the next snapshot asks again */
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !snapshotWaits || !state.snapshot) return;
  snapshotWaits = false;
  emit("snapshot", state.snapshot);
});

// A connection can die without an error (a pulled cable): a second-by-second stream that is silent is dead.
setInterval(() => {
  const silent = performance.now() - heard > SILENT_MS;
  const open = state.link.status === "live" || state.link.status === "away";
  if (running && stream && open && silent && !document.hidden) {
    setLink("lost", Date.now() - (performance.now() - heard));
    interrupted = true;
    connect();
  }
}, 1000);
