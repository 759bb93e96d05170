// One search over pages, devices and alerts, in a dialog that opens with `/`.

import { get, query } from "./api.js";
import { fill, h, name } from "./dom.js";
import { t } from "./i18n.js";
import { asText } from "./filter.js";
import { icon, mark } from "./icons.js";
import { dialog, sentenceOf, summaryOf } from "./parts.js";
import { state } from "./state.js";

const PAGES = [
  ["overview", "/"],
  ["alerts", "/alerts"],
  ["devices", "/devices"],
  ["history", "/history"],
  ["health", "/health"],
  ["settings", "/settings"],
];

/** Whether a device matches what was typed (lower case). */
export const deviceMatches = (d, text) =>
  [d.label, d.name, d.vendor, d.kind, d.notes, ...d.ips, ...d.macs, ...d.names.map((n) => n.name)].some((v) =>
    v?.toLowerCase().includes(text),
  );

/** Opens the search. */
export function search() {
  if (document.querySelector("dialog[open]")) return;
  const list = h("ul", { class: "results" });
  const input = h("input", {
    type: "search",
    "aria-label": t("search"),
    placeholder: t("search.placeholder"),
    autocomplete: "off",
    autofocus: true,
    oninput: changed,
  });
  let asked = 0;
  let timer = 0;
  const el = dialog(t("search"), [input, list]);
  el.classList.add("search");
  el.addEventListener("keydown", (event) => move(event, el));
  el.addEventListener("click", (event) => event.target.closest("a") && el.close());
  el.querySelector("form").addEventListener("submit", () => list.querySelector("a")?.click(), true);
  if (state.devices.size < 25) {
    get("/api/devices").then(
      ({ devices }) => {
        for (const device of devices) state.devices.set(device.id, device);
        if (input.value) changed();
      },
      () => {},
    );
  }
  changed();

  function changed() {
    const text = input.value.trim().toLowerCase();
    const mine = ++asked;
    show(text, []);
    clearTimeout(timer);
    if (text.length < 2) return;
    timer = setTimeout(async () => {
      const answer = await get(`/api/alerts${query({ q: asText(text), limit: 6 })}`).catch(() => null);
      if (mine === asked && answer) show(text, answer.alerts);
    }, 180);
  }

  function show(text, alerts) {
    const pages = PAGES.filter(([id]) => t(`nav.${id}`).toLowerCase().includes(text));
    const devices = text ? [...state.devices.values()].filter((d) => deviceMatches(d, text)).slice(0, 8) : [];
    const row = (href, sign, ...words) => h("li", {}, h("a", { href }, sign, words));
    fill(
      list,
      devices.map((d) =>
        row(`/devices/${encodeURIComponent(d.id)}`, icon(d.kind), name(d.label), h("small", {}, d.ips[0] ?? "")),
      ),
      alerts.map((a) =>
        row(`/alerts${query({ state: "all", id: a.id })}`, mark(a.severity), h("span", { class: "name", title: summaryOf(a) }, sentenceOf(a))),
      ),
      pages.map(([id, href]) => row(href, icon(id), t(`nav.${id}`))),
      text && row(`/devices${query({ q: text })}`, icon("search"), t("search.devices", { text })),
      text && row(`/alerts${query({ state: "all", q: asText(text) })}`, icon("search"), t("search.alerts", { text })),
    );
  }
}

function move(event, el) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const stops = [el.querySelector("input"), ...el.querySelectorAll(".results a")];
  const at = stops.indexOf(document.activeElement);
  stops[(at + by + stops.length) % stops.length].focus();
}
