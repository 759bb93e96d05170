// What this sensor sees, in words, and what to do about it: how to set up a mirror port on common switches and routers.

import { h, setAttr, setText } from "./dom.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { dialog } from "./parts.js";
import { state } from "./state.js";

const NOTES = ["doubled", "tagged", "pppoe"];
// Ways to a mirror port, and the makers by whose name the right one is opened.
const WAYS = {
  netgear: /netgear/i,
  tplink: /tp-?link/i,
  zyxel: /zyxel/i,
  dlink: /d-?link/i,
  unifi: /ubiquiti/i,
  mikrotik: /mikrotik|routerboard/i,
  openwrt: /openwrt|gl technologies|turris/i,
  fritz: /avm/i,
  managed: /cisco|hewlett|aruba|juniper/i,
  tap: null,
};

const sees = () => state.snapshot?.capture.sees || "unknown";
const notes = () => (state.snapshot?.capture.notes ?? []).filter((n) => NOTES.includes(n));

/** `Seeing: a mirror port, both directions; each frame twice`. */
const words = () => [t(`sees.${sees()}`), ...notes().map((n) => t(`sees.note.${n}`))].join("; ");

/** Whether something is to be done about it. */
const wrong = () => ["own", "one_way", "silent"].includes(sees()) || notes().includes("doubled");

/** The verdict as plain words. */
export function sightWords() {
  const element = h("span", { class: "sight-words" });
  return { element, update: () => setText(element, words()) };
}

/** The verdict as a button that opens what it means and what to do. */
export function sightButton() {
  const text = h("span", {});
  const element = h("button", { class: "plain sight", type: "button", onclick: openSight }, text, icon("arrow"));
  const update = () => {
    setText(text, wrong() ? `${words()} · ${t("sight.todo")}` : words());
    element.classList.toggle("bad", wrong());
    setAttr(element, "title", t("sight.open"));
  };
  return { element, update };
}

/** Opens what the verdict means, what to do, and how mirror ports are set up. */
export function openSight() {
  const verdict = sees();
  const gateway = [...state.devices.values()].find((d) => d.routes || d.kind === "router");
  const switches = [...state.devices.values()].filter((d) => d.kind === "switch" && d.vendor);
  const makers = [gateway, ...switches].map((d) => d?.vendor).filter(Boolean);
  const mine = Object.keys(WAYS).filter((id) => makers.some((maker) => WAYS[id]?.test(maker)));
  const order = [...mine, ...Object.keys(WAYS).filter((id) => !mine.includes(id))];
  const el = dialog(t("sight.title"), [
    h("p", { class: "lead" }, words()),
    h("p", {}, t(`sight.${verdict}`)),
    notes().map((n) => h("p", {}, t(`sight.note.${n}`))),
    gateway?.vendor && h("p", { class: "muted" }, t("sight.gateway", { name: gateway.label, vendor: gateway.vendor })),
    h("h3", {}, t("sight.how")),
    h("p", {}, t("sight.cable")),
    h(
      "div",
      { class: "ways" },
      order.map((id) => way(id, mine.includes(id))),
    ),
    h("p", { class: "muted" }, t("sight.check"), " ", h("a", { href: "/health#capture" }, t("sight.counters"))),
  ]);
  el.classList.add("wide");
  el.addEventListener("click", (event) => event.target.closest("a") && el.close());
}

function way(id, open) {
  const steps = t(`way.${id}.steps`).split("\n");
  const line = (text) => {
    const parts = text.split("\u0060");
    return h(
      "li",
      {},
      parts.map((part, i) => (i % 2 ? h("code", {}, part) : part)),
    );
  };
  return h(
    "details",
    { open },
    h("summary", {}, t(`way.${id}`), open && h("span", { class: "tag" }, t("sight.yours"))),
    h("ol", {}, steps.map(line)),
  );
}
