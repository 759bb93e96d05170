// Selecting a span of a chart: by dragging, or with Shift and the arrow keys and Enter; `+` and `-` zoom about the cursor.

import { h } from "./dom.js";

const LEAST_PIXELS = 8;

/** `onspan(from, to)` is called with two times; `saying(from, to)` while a span is being selected with the keyboard. */
export function brush(chart, { onspan, saying }) {
  const band = h("div", { class: "band", hidden: true });
  chart.element.append(band);
  let start = null;
  let anchor = null;

  function draw(a, b) {
    const [left, right] = [chart.percentOf(Math.min(a, b)), chart.percentOf(Math.max(a, b))];
    band.hidden = false;
    band.style.left = `${left}%`;
    band.style.width = `${Math.max(0, right - left)}%`;
  }

  function drop() {
    start = null;
    anchor = null;
    band.hidden = true;
  }

  const bounded = (time) => Math.max(chart.from, Math.min(chart.to, time));

  chart.element.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch") return;
    start = { x: event.offsetX, time: bounded(chart.timeAt(event.offsetX)) };
    chart.element.setPointerCapture(event.pointerId);
  });
  chart.element.addEventListener("pointermove", (event) => {
    if (start && Math.abs(event.offsetX - start.x) >= LEAST_PIXELS)
      draw(start.time, bounded(chart.timeAt(event.offsetX)));
  });
  chart.element.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [from, far] = [start.time, Math.abs(event.offsetX - start.x) >= LEAST_PIXELS];
    const to = bounded(chart.timeAt(event.offsetX));
    drop();
    if (far) onspan(Math.min(from, to), Math.max(from, to));
  });
  chart.element.addEventListener("pointercancel", drop);
  chart.element.addEventListener("blur", drop);
  // Before the chart's own keys, which move the cursor.
  chart.element.addEventListener(
    "keydown",
    (event) => {
      const time = () => chart.points[chart.at ?? chart.points.length - 1]?.time;
      if (event.shiftKey && event.key.startsWith("Arrow")) {
        anchor ??= time();
        queueMicrotask(() => {
          draw(anchor, time());
          saying(Math.min(anchor, time()), Math.max(anchor, time()));
        });
      } else if (event.key === "Enter" && anchor !== null && anchor !== time()) {
        event.preventDefault();
        const [a, b] = [anchor, time()];
        drop();
        onspan(Math.min(a, b), Math.max(a, b));
      } else if (["+", "=", "-"].includes(event.key) && chart.points.length) {
        event.preventDefault();
        const half = (chart.to - chart.from) * (event.key === "-" ? 1 : 0.25);
        const middle = event.key === "-" ? (chart.from + chart.to) / 2 : time();
        drop();
        onspan(middle - half, middle + half);
      } else if (event.key === "Escape") drop();
    },
    true,
  );
}
