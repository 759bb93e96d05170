// Keys: `/` search, `g` and a letter to go, `j`/`k` rows, `e` acknowledge, `m` mute, `?` help.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { dialog } from "./parts.js";
import { may } from "./state.js";

const PLACES = { o: "/", a: "/alerts", d: "/devices", h: "/health", s: "/settings", k: "/kiosk" };

const typing = (el) => el?.closest?.("input, textarea, select, [contenteditable]");

/** Listens on the whole page. */
export function installKeys({ go, search }) {
  let prefix = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (document.documentElement.dataset.page === "login") return;
    const { key } = event;
    if (prefix && Date.now() - prefix < 1500 && PLACES[key]) {
      event.preventDefault();
      prefix = 0;
      go(PLACES[key]);
      return;
    }
    prefix = key === "g" ? Date.now() : 0;
    if (act(key, go, search)) event.preventDefault();
  });
}

function act(key, go, search) {
  if (key === "/") {
    const own = document.querySelector("main input[type=search]");
    if (own) own.focus();
    else search();
    return true;
  }
  if (key === "?") return Boolean(help());
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (key === "e" || key === "m") return may() && press(key);
  const opened = key === "Escape" && document.querySelector("main .detail:not([hidden]) > header button");
  if (opened) {
    opened.click();
    return true;
  }
  if (key === "Escape" && document.documentElement.dataset.page === "kiosk") {
    go("/");
    return true;
  }
  return false;
}

const focusOf = (row) => row.querySelector("[data-focus]") ?? row;

function step(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  if (!rows.length) return false;
  const at = rows.findIndex((r) => r.contains(document.activeElement));
  const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
  focusOf(next).focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

// `e` and `m` press the button of the row that has the focus, or else of the opened alert.
function press(key) {
  const row = document.activeElement?.closest?.("[data-row]");
  const button =
    row?.querySelector(`[data-key="${key}"]`) ?? document.querySelector(`main .detail [data-key="${key}"]`);
  button?.click();
  return Boolean(button);
}

function help() {
  const rows = [
    ["/", "keys.search"],
    ["g o", "nav.overview"],
    ["g a", "nav.alerts"],
    ["g d", "nav.devices"],
    ["g h", "nav.health"],
    ["g s", "nav.settings"],
    ["g k", "nav.kiosk"],
    ["j  k", "keys.rows"],
    ["e", "ack"],
    ["m", "mute"],
    ["Esc", "close"],
    ["?", "keys.help"],
  ];
  const keys = (text) => text.split(/ +/).map((k) => h("kbd", {}, k));
  return dialog(
    t("keys.title"),
    h(
      "dl",
      { class: "keys" },
      rows.map(([k, id]) => h("div", {}, h("dt", {}, keys(k)), h("dd", {}, t(id)))),
    ),
  );
}
