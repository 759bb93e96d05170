// Which rows of a list are ticked, and the line that says so and acts on them.

import { fill, h } from "./dom.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";

/** The selection over `list`; `all()` says how many match, `acknowledge(ids, all)` acts. */
export function selection(list, { all, acknowledge }) {
  const ids = new Set();
  let everything = false;
  let last = null;
  const element = h("div", { class: "picked-line", "data-change": true, role: "status", hidden: true });

  function draw() {
    element.hidden = !ids.size;
    if (!ids.size) return fill(element);
    const n = everything ? all() : ids.size;
    const widen = !everything && all() > ids.size;
    const button = (words, onclick, more) => h("button", { type: "button", onclick, ...more }, words);
    fill(
      element,
      h("b", {}, tn("selected", n)),
      button([icon("check"), t("ack")], () => acknowledge([...ids], everything), { class: "primary" }),
      widen && button(tn("select.all", all()), takeAll),
      button(t("select.none"), clear),
    );
  }

  function set(id, on) {
    if (on) ids.add(id);
    else ids.delete(id);
  }

  function mark() {
    for (const row of list.drawn()) row._pick(ids.has(row._alert.id));
    draw();
  }

  function takeAll() {
    list.items().forEach((item) => ids.add(item.id));
    everything = true;
    mark();
  }

  function clear() {
    ids.clear();
    everything = false;
    last = null;
    mark();
  }

  return {
    element,
    draw,
    clear,
    size: () => ids.size,
    has: (id) => ids.has(id),
    forget(id) {
      ids.delete(id);
      draw();
    },
    /** Ticks or unticks one, or with `range` all from the last one that was. */
    pick(id, on, range) {
      everything = false;
      const items = list.items().map((item) => item.id);
      const [from, to] = [items.indexOf(range ? last : id), items.indexOf(id)];
      const span = from < 0 ? [id] : items.slice(Math.min(from, to), Math.max(from, to) + 1);
      span.forEach((one) => set(one, on));
      last = id;
      mark();
    },
  };
}
