// Entry: the frame around all pages, the routes, and what the whole page listens to.

import { whenExpired } from "./api.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { languageChanged, second } from "./format.js";
import { lang, setLang, t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { installKeys } from "./keys.js";
import { kindTitle, loadKinds } from "./kinds.js";
import { announce, announcer, freshenTimes, sentenceOf, toast, toasts } from "./parts.js";
import { search } from "./search.js";
import { SEVERITIES, on, start, state, stop } from "./state.js";
import { accountView } from "./view_account.js";
import { alertsView } from "./view_alerts.js";
import { deviceView } from "./view_device.js";
import { devicesView } from "./view_devices.js";
import { healthView } from "./view_health.js";
import { loginView } from "./view_login.js";
import { overviewView } from "./view_overview.js";
import { settingsView } from "./view_settings.js";

const ROUTES = [
  [/^\/$/, overviewView, "overview"],
  [/^\/alerts$/, alertsView, "alerts"],
  [/^\/devices$/, devicesView, "devices"],
  [/^\/devices\/([^/]+)$/, deviceView, "devices"],
  [/^\/health$/, healthView, "health"],
  [/^\/settings$/, settingsView, "settings"],
  [/^\/account$/, accountView, "account"],
  [/^\/kiosk$/, overviewView, "kiosk"],
  [/^\/login$/, loginView, "login"],
];
const NAV = [
  ["overview", "/"],
  ["alerts", "/alerts"],
  ["devices", "/devices"],
  ["health", "/health"],
  ["settings", "/settings"],
];

let cleanups = [];
let frame = null;
let shown = "";

function buildFrame() {
  const links = NAV.map(([id, href]) =>
    h(
      "a",
      { href, "data-nav": id },
      icon(id),
      h("span", {}, t(`nav.${id}`)),
      id === "alerts" && h("b", { class: "pill", hidden: true }),
    ),
  );
  const linkText = h("span", {});
  const link = h("a", { class: "link", href: "/health", role: "status" }, h("i", { class: "lamp" }), linkText);
  const other = lang() === "nl" ? "en" : "nl";
  const header = h(
    "header",
    { class: "top" },
    h("a", { class: "brand", href: "/" }, icon("health"), h("span", {}, "netmonitor")),
    h("nav", { "aria-label": t("nav.main") }, links),
    h(
      "div",
      { class: "tools" },
      h(
        "button",
        { class: "plain wide", type: "button", onclick: search, title: `${t("search")} ( / )` },
        icon("search"),
        h("span", {}, t("search")),
        h("kbd", {}, "/"),
      ),
      h(
        "button",
        {
          class: "plain",
          type: "button",
          lang: other,
          title: t("language.other"),
          onclick: () => changeLanguage(other),
        },
        other.toUpperCase(),
      ),
      h(
        "button",
        {
          class: "plain",
          type: "button",
          "aria-label": t("theme.switch"),
          title: t("theme.switch"),
          onclick: switchTheme,
        },
        icon("theme"),
      ),
      h("a", { class: "button plain", href: "/account", "aria-label": t("nav.account"), title: t("nav.account") }, icon("person")),
      link,
    ),
  );
  const notice = h("p", { class: "notice", hidden: true });
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h(
    "a",
    {
      class: "skip",
      href: "#main",
      onclick: (e) => {
        e.preventDefault();
        main.focus();
      },
    },
    t("skip"),
  );
  fill(document.body, skip, header, notice, main, toasts(), announcer());
  frame = { main, links, link, linkText, notice, pill: header.querySelector(".pill") };
  showLink();
  showSnapshot();
}

function showLink() {
  const { status, since } = state.link;
  document.documentElement.dataset.link = status;
  setText(frame.linkText, t(`link.${status}`));
  const lost = status === "lost" || status === "polling";
  frame.notice.hidden = !lost;
  if (lost) fill(frame.notice, t(`link.${status}.long`, { time: second(since) }));
  setAttr(frame.link, "title", t(`link.${status}.hint`));
}

function showSnapshot() {
  const replay = state.snapshot?.monitor?.mode === "replay";
  document.documentElement.toggleAttribute("data-replay", replay);
  if (replay && state.link.status === "live") {
    frame.notice.hidden = false;
    setText(frame.notice, t("replay.notice"));
    setText(frame.linkText, t("link.replay"));
  }
  const open = state.snapshot?.alerts?.open ?? {};
  const urgent = (open.critical ?? 0) + (open.high ?? 0) + (open.medium ?? 0);
  frame.pill.hidden = !urgent;
  setText(frame.pill, urgent > 999 ? "999+" : urgent);
  setAttr(frame.pill, "aria-label", urgent ? tn("needs", urgent) : null);
  frame.pill.classList.toggle("critical", Boolean(open.critical));
  const title = frame.title ? `${frame.title} · netmonitor` : "netmonitor";
  const wanted = urgent ? `(${urgent}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
}

/** Shows the page of the address bar. */
function route() {
  for (const f of cleanups.splice(0)) f();
  const path = location.pathname.replace(/(.)\/+$/, "$1");
  const [pattern, view, id] = ROUTES.find(([p]) => p.test(path)) ?? [/.*/, notFound, "none"];
  let args;
  try {
    args = path.match(pattern).slice(1).map(decodeURIComponent);
  } catch {
    args = [path];
  }
  document.documentElement.dataset.page = id;
  for (const a of frame.links) setAttr(a, "aria-current", a.dataset.nav === id ? "page" : null);
  frame.title = id === "overview" || id === "none" || id === "kiosk" ? "" : t(`nav.${id}`);
  const context = {
    args,
    params: new URLSearchParams(location.search),
    kiosk: id === "kiosk",
    go,
    on: (topic, f) => cleanups.push(on(topic, f)),
    cleanup: (f) => cleanups.push(f),
  };
  fill(frame.main, view(context));
  if (id !== "login" && state.link.status === "out") start();
  showSnapshot();
  if (shown && shown !== path) {
    scrollTo(0, 0);
    frame.main.focus({ preventScroll: true });
  }
  shown = path;
}

/** Goes to a path of this page. */
function go(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  route();
}

function notFound() {
  return h(
    "section",
    { class: "card lone" },
    h("h1", {}, t("404.title")),
    h("p", {}, t("404.why", { path: location.pathname })),
    h("p", {}, h("a", { class: "button primary", href: "/" }, t("404.back"))),
  );
}

function changeLanguage(to) {
  setLang(to);
  languageChanged();
  loadKinds().then(redraw);
  redraw();
}

function redraw() {
  buildFrame();
  route();
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  setTheme(dark ? "light" : "dark");
}

/** `dark`, `light`, or `auto`: as the system wishes. */
export function setTheme(theme) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    /* kept for this visit only */
  }
  document.dispatchEvent(new Event("themechange"));
}

// Links within the page change the page without loading it again.
document.addEventListener("click", (event) => {
  const a = event.target.closest?.("a[href]");
  if (
    !a ||
    event.defaultPrevented ||
    event.button ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  const url = new URL(a.href);
  if (url.origin !== location.origin || a.target || a.hasAttribute("download") || url.pathname.startsWith("/api/"))
    return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
});
addEventListener("popstate", route);
document.addEventListener("languagewish", (event) => changeLanguage(event.detail));
document.addEventListener("themewish", (event) => setTheme(event.detail));

whenExpired(() => {
  if (location.pathname === "/login") return;
  const back = location.pathname + location.search;
  if (state.snapshot) toast(t("session.expired"));
  stop();
  go(back === "/" ? "/login" : `/login?next=${encodeURIComponent(back)}`, { replace: true });
});

on("link", (link) => {
  showLink();
  if (link.status === "lost" || link.status === "live") announce(t(`link.${link.status}.hint`));
  if (link.status === "live") loadKinds().then(freshenTimes);
});
let version = null;
on("beat", ({ monitor }) => {
  // An updated monitor brings an updated page.
  version ??= monitor.version;
  if (version !== monitor.version) location.reload();
  showSnapshot();
});
on("alert", ({ alert, raised }) => {
  if (raised && SEVERITIES.indexOf(alert.severity) < 2)
    announce(`${t(`severity.${alert.severity}`)}: ${kindTitle(alert.kind)}. ${sentenceOf(alert)}`);
});
setInterval(() => document.hidden || freshenTimes(), 15_000);

buildFrame();
installKeys({ go, search });
if (location.pathname !== "/login") start();
loadKindsWhenIn();
route();

function loadKindsWhenIn() {
  if (location.pathname !== "/login") loadKinds().then(() => state.link.status !== "out" && redrawQuietly());
}

// Titles of kinds arrived after the first drawing: only pages that show them are drawn again.
function redrawQuietly() {
  document.dispatchEvent(new Event("kindschange"));
}
