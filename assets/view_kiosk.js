// The kiosk: screens that take turns on a wall, read from across the room. It runs for months: every screen is made
// once and filled anew, one timer drives it all, and once a night the page loads itself again.

import { request } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { clock, moment } from "./format.js";
import { lang, t, tn } from "./i18n.js";
import { mark } from "./icons.js";
import { chime } from "./kiosk_chime.js";
import { options, setUp } from "./kiosk_options.js";
import { kioskScreen } from "./kiosk_screens.js";
import { sentenceOf } from "./parts.js";
import { now, state, worst } from "./state.js";

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
  const screens = wanted.screens.map((id) => ({ id, ...kioskScreen(id), dot: h("i", {}) }));
  const head = headLine();
  const heading = h("h2", {});
  const told = h("p", { class: "kiosk-told" });
  const dots = h(
    "div",
    { class: "kiosk-dots", "aria-hidden": "true", hidden: screens.length < 2 },
    screens.map((s) => s.dot),
  );
  const sound = chime(wanted.sound);
  const tools = toolbar();
  const element = h(
    "section",
    { class: "kiosk", "aria-label": t("nav.kiosk") },
    head.element,
    h(
      "div",
      { class: "kiosk-body live" },
      heading,
      screens.map((s) => s.element),
    ),
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
