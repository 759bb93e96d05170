// Bars over time with a table beside them: bytes received and sent by the hour or the day.

import { fill, h, svg } from "./dom.js";
import { bytes } from "./format.js";
import { t } from "./i18n.js";
import { empty } from "./parts.js";

const HEIGHT = 60;

/**
 * `slots`: `[{ words, short, down, up, missing }]`, oldest first. Shown as bars, down below and up on top, or as the
 * table that a button brings.
 */
export function bars(title, slots) {
  const most = Math.max(...slots.map((s) => s.down + s.up));
  if (!most) return h("div", {}, h("h2", {}, title), empty(t("device.history.none"), t("device.history.none.why")));
  const sum = (key) => slots.reduce((all, s) => all + s[key], 0);
  const peak = slots.find((s) => s.down + s.up === most);
  const label = t("device.history.label", {
    title,
    in: bytes(sum("down")),
    out: bytes(sum("up")),
    peak: `${peak.words} (${bytes(most)})`,
  });
  const chart = h(
    "div",
    { class: "bars", role: "img", "aria-label": label },
    slots.map((s, i) => column(s, most, i)),
  );
  const table = h("div", { class: "scroll", hidden: true });
  const toggle = h(
    "button",
    {
      class: "plain",
      type: "button",
      "aria-pressed": "false",
      onclick: () => {
        if (table.hidden) fill(table, tableOf(title, slots));
        table.hidden = !table.hidden;
        chart.hidden = !table.hidden;
        toggle.setAttribute("aria-pressed", String(!table.hidden));
      },
    },
    t("history.table"),
  );
  return h("div", {}, h("div", { class: "bars-head" }, h("h2", {}, title), toggle), chart, table);
}

function column(slot, most, i) {
  const [down, up] = [slot.down, slot.up].map((n) => (n / most) * (HEIGHT - 1));
  const rect = (className, y, height) => svg("rect", { class: className, x: 0.5, width: 7, y, height });
  const words = slot.missing ? `${slot.words}: –` : `${slot.words}: ↓ ${bytes(slot.down)}  ↑ ${bytes(slot.up)}`;
  return h(
    "div",
    { title: words },
    svg(
      "svg",
      { viewBox: `0 0 8 ${HEIGHT}`, preserveAspectRatio: "none" },
      rect("down", HEIGHT - down, down),
      rect("up", HEIGHT - down - up, up),
    ),
    h("small", {}, slot.short ?? (i % 6 ? "" : slot.words)),
  );
}

const tableOf = (title, slots) =>
  h(
    "table",
    { class: "data" },
    h("caption", { class: "unseen" }, title),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        [t("time"), t("traffic.in"), t("traffic.out")].map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    h(
      "tbody",
      {},
      slots.map((s) =>
        h("tr", {}, h("th", { scope: "row" }, s.words), h("td", {}, bytes(s.down)), h("td", {}, bytes(s.up))),
      ),
    ),
  );
