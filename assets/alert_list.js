// A list of any length: rows come in chunks, and only chunks near the window have their rows in the document.

import { fill, h } from "./dom.js";

const CHUNK = 40;

/** `make(item)` gives a row with `_set(item)`; items have an `id`. Remember to `end()` it. */
export function longList(make) {
  const element = h("div", { class: "rows alert-list", role: "list" });
  const chunks = [];
  const where = new Map();
  const near = new IntersectionObserver((seen) => seen.forEach(moved), { rootMargin: "1500px 0px" });

  function moved({ target, isIntersecting }) {
    const chunk = target._chunk;
    if (isIntersecting) draw(chunk);
    // What has the focus stays, wherever it was scrolled to.
    else if (chunk.rows && !target.contains(document.activeElement)) {
      target.style.height = `${target.offsetHeight}px`;
      chunk.rows = null;
      fill(target);
    }
  }

  function draw(chunk) {
    if (chunk.rows) return;
    chunk.rows = new Map(chunk.items.map((item) => [item.id, make(item)]));
    fill(chunk.element, [...chunk.rows.values()]);
    chunk.element.style.height = "";
  }

  function add(items, first) {
    const chunk = { items, rows: null, element: h("div", { class: "chunk", role: "presentation" }) };
    chunk.element._chunk = chunk;
    for (const item of items) where.set(item.id, chunk);
    if (first) (chunks.unshift(chunk), element.prepend(chunk.element));
    else (chunks.push(chunk), element.append(chunk.element));
    draw(chunk);
    near.observe(chunk.element);
  }

  const indexIn = (chunk, id) => chunk.items.findIndex((item) => item.id === id);

  return {
    element,
    /** How many. */
    size: () => where.size,
    /** All of them, in order. */
    items: () => chunks.flatMap((chunk) => chunk.items),
    get: (id) => where.get(id)?.items[indexIn(where.get(id), id)],
    /** The row of an item, drawn if need be; undefined when it is not in the list. */
    row(id) {
      const chunk = where.get(id);
      if (chunk) draw(chunk);
      return chunk?.rows.get(id);
    },
    /** Every row that is drawn. */
    drawn: () => chunks.flatMap((chunk) => [...(chunk.rows?.values() ?? [])]),
    append(items) {
      for (let at = 0; at < items.length; at += CHUNK) add(items.slice(at, at + CHUNK), false);
    },
    prepend: (items) => items.length && add(items, true),
    update(item) {
      const chunk = where.get(item.id);
      chunk.items[indexIn(chunk, item.id)] = item;
      chunk.rows?.get(item.id)._set(item);
    },
    remove(id) {
      const chunk = where.get(id);
      const { style } = chunk.element;
      if (!chunk.rows) style.height = `${parseFloat(style.height) * (1 - 1 / chunk.items.length)}px`;
      chunk.items.splice(indexIn(chunk, id), 1);
      chunk.rows?.get(id).remove();
      chunk.rows?.delete(id);
      where.delete(id);
    },
    clear() {
      near.disconnect();
      chunks.length = 0;
      where.clear();
      fill(element);
    },
    end: () => near.disconnect(),
  };
}
