// Ranked lists: who talks most, where to, and in what. A row is a name, a bar in two shades, and the figures.

import { fill, h, keyed, name, setAttr, setText } from "./dom.js";
import { bytes, count, rate } from "./format.js";
import { has, t } from "./i18n.js";
import { cardHead, empty } from "./parts.js";
import { placeOf } from "./places.js";

const CALM_MS = 2500;

/**
 * A card with a ranked list. `rows()` gives what to show: `{ id, href, label, title, detail, down, up, figure, split }`,
 * or `null` while that is not known.
 */
export function rankCard({ area, title, more, rows, none }) {
  const list = h("ol", { class: "talkers" });
  const hole = h("div", { hidden: true });
  const element = h(
    "section",
    { class: `card ${area} live` },
    cardHead(t(title), more.href, more.href && t(more.label)),
    list,
    hole,
  );
  let drawn = 0;
  const update = () => {
    if (drawn && list.children.length && performance.now() - drawn < CALM_MS) return;
    if (list.matches(":hover, :focus-within")) return;
    drawn = performance.now();
    const shown = rows();
    const most = Math.max(1, ...shown.map((r) => r.down + r.up));
    hole.hidden = shown.length > 0;
    list.hidden = !shown.length;
    if (!shown.length) fill(hole, none());
    keyed(
      list,
      shown,
      (r) => r.id,
      makeRow,
      (el, r) => el._set(r, most),
    );
  };
  return { element, update };
}

function makeRow() {
  const label = name("");
  const detail = h("small", {});
  const link = h("a", { "data-focus": true }, label, detail);
  const down = h("i", { class: "down" });
  const up = h("i", { class: "up" });
  const figure = h("span", { class: "figure" });
  const split = h("small", {});
  const el = h(
    "li",
    { "data-row": true },
    link,
    h("div", { class: "right" }, figure, split),
    h("div", { class: "bar", "aria-hidden": "true" }, down, up),
  );
  let href = "";
  el._set = (r, most) => {
    if (href !== r.href) apply(link, (href = r.href));
    el.classList.toggle("picked", Boolean(r.picked));
    setText(label, r.label);
    setAttr(label, "title", r.title);
    if (r.detail instanceof Promise) r.detail.then((words) => setText(detail, words));
    else setText(detail, r.detail);
    down.style.width = `${(100 * r.down) / most}%`;
    up.style.width = `${(100 * r.up) / most}%`;
    setText(figure, r.figure);
    setText(split, r.split);
    setAttr(split, "title", r.exact);
  };
  return el;
}

// Addresses are written by `h` alone: it knows where the page lives.
function apply(link, href) {
  setAttr(link, "href", href);
}

const idOf = (mac) => mac.replaceAll(":", "").toLowerCase();

/** A talker as a row: by what it moves now, or (`sum`) by what it moved in all. */
export function talkerRow(x, sum) {
  const [down, up] = sum ? [x.bytes_in, x.bytes_out] : [x.in_bytes_per_second, x.out_bytes_per_second];
  const words = sum ? bytes : rate;
  const label = x.name || x.vendor || x.ip;
  const inside = label === x.ip ? "" : x.ip;
  return {
    id: x.ip,
    href: x.mac && x.inside ? `/devices/${idOf(x.mac)}` : `/devices?q=${encodeURIComponent(x.ip)}`,
    label,
    title: [label, x.ip, x.mac, x.vendor].filter(Boolean).join(" · "),
    detail: x.inside ? inside : placeOf(x.ip).then((place) => place || t("outside")),
    down,
    up,
    figure: words(down + up),
    split: `↓ ${words(down)}  ↑ ${words(up)}`,
    exact: `↓ ${count(x.bytes_in)}  ↑ ${count(x.bytes_out)} ${t("bytes")}`,
  };
}

const perSecond = (x) => (x.bytes_in_minute + x.bytes_out_minute) / 60;

function lately(x) {
  const now = perSecond(x);
  return {
    down: x.bytes_in_hour,
    up: x.bytes_out_hour,
    figure: bytes(x.bytes_in_hour + x.bytes_out_hour),
    split: now >= 1 ? `${t("now")} ${rate(now)}` : "",
    exact: `${t("rank.hour")}: ↓ ${count(x.bytes_in_hour)}  ↑ ${count(x.bytes_out_hour)} ${t("bytes")}`,
  };
}

/** An outside place as a row. */
export function destinationRow(x) {
  const by = x.client_name || x.client;
  return {
    id: x.name ?? x.ip,
    href: `/history?range=1h&place=${encodeURIComponent(x.name ?? x.ip)}#destinations`,
    label: x.name ?? x.ip,
    title: [x.name, x.ip].filter(Boolean).join(" · "),
    detail: placeOf(x.ip).then((place) => [place, t("rank.by", { name: by })].filter(Boolean).join(" · ")),
    ...lately(x),
  };
}

/** The words for an application. */
export const appName = (id) => (has(`app.${id}`) ? t(`app.${id}`) : id.replace("/", " ").toUpperCase());

/** An application as a row. */
export function applicationRow(x) {
  return {
    id: x.id,
    href: `/history?range=1h&app=${encodeURIComponent(x.id)}#applications`,
    label: appName(x.id),
    title: `${appName(x.id)} (${x.id})`,
    detail: has(`app.${x.id}.what`) ? t(`app.${x.id}.what`) : "",
    ...lately(x),
  };
}
