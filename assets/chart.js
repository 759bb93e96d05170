// A stacked area chart over time on a canvas: nice ticks, a readout by pointer, touch and keyboard, and still while
// someone reads it. Values are bits per second.

import { niceStep, timeTicks } from "./axis.js";
import { h } from "./dom.js";
import { axisRate, clock, moment } from "./format.js";

const LEFT = 4;
/** A stretch without points longer than this many steps is shown as missing. */
const GAP_STEPS = 3.5;

export class Chart {
  /**
   * `series`: `[{ key, color }]` from the bottom up, `color` a CSS variable. `onread(point | null)` is called when
   * someone points at a moment, `say(point)` words it for a screen reader.
   */
  constructor({ series, label, onread, say }) {
    Object.assign(this, { series, onread, say, points: [], from: 0, to: 1, at: null, scale: 0, waiting: null });
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.element = h(
      "div",
      {
        class: "chart",
        tabindex: "0",
        role: "slider",
        "aria-label": label,
        "aria-valuemin": 0,
        "aria-valuemax": 0,
        "aria-valuenow": 0,
        "aria-orientation": "horizontal",
        onpointermove: (e) => this.pointAt(e.offsetX),
        onpointerdown: (e) => this.pointAt(e.offsetX),
        onpointerleave: () => this.release(),
        onpointercancel: () => this.release(),
        onkeydown: (e) => this.key(e),
        onfocus: () => this.element.matches(":focus-visible") && this.points.length && this.read(this.points.length - 1),
        onblur: () => this.release(),
      },
      this.canvas,
    );
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.recolor = () => {
      this.colors = null;
      this.draw();
    };
    // Kept: another one for the same words would not know the listener.
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.recolor);
    document.addEventListener("themechange", this.recolor);
  }

  destroy() {
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.recolor);
    document.removeEventListener("themechange", this.recolor);
  }

  /** Shows `points` (oldest first, `step` milliseconds apart) between two times; waits while someone reads. */
  set(points, from, to, step) {
    if (this.at !== null) {
      this.waiting = [points, from, to, step];
      return;
    }
    Object.assign(this, { points, from, to, step });
    this.element.setAttribute("aria-valuemax", Math.max(0, points.length - 1));
    this.draw();
  }

  get paused() {
    return this.at !== null;
  }

  /** The moment at a place, in pixels from the left; and the place of a moment, in percent of the whole width. */
  timeAt(x) {
    return this.from + ((x - LEFT) / this.plotWidth()) * (this.to - this.from);
  }

  percentOf(time) {
    const x = LEFT + ((time - this.from) / (this.to - this.from)) * this.plotWidth();
    return (100 * x) / Math.max(1, this.element.clientWidth);
  }

  pointAt(x) {
    if (!this.points.length) return;
    const time = this.timeAt(x);
    let best = 0;
    for (let i = 1; i < this.points.length; i += 1) {
      if (Math.abs(this.points[i].time - time) < Math.abs(this.points[best].time - time)) best = i;
    }
    this.read(best);
  }

  key(event) {
    const last = this.points.length - 1;
    const at = this.at ?? last;
    const page = Math.max(1, Math.round(last / 10));
    const moves = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: last,
      PageUp: at - page,
      PageDown: at + page,
    };
    if (event.key === "Escape") this.release();
    if (last < 0 || !(event.key in moves)) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(last, moves[event.key])));
  }

  read(index) {
    this.at = index;
    const point = this.points[index];
    this.element.setAttribute("aria-valuenow", index);
    this.element.setAttribute("aria-valuetext", this.say(point));
    this.onread(point);
    this.draw();
  }

  release() {
    if (this.at === null) return;
    this.at = null;
    this.onread(null);
    if (this.waiting) this.set(...this.waiting);
    else this.draw();
    this.waiting = null;
  }

  plotWidth() {
    const width = this.element.clientWidth;
    return Math.max(10, width - LEFT - (width < 480 ? 0 : 4));
  }

  palette() {
    const css = getComputedStyle(this.element);
    const of = (variable) => css.getPropertyValue(variable).trim();
    this.colors ??= {
      series: this.series.map((s) => of(s.color)),
      line: of("--line"),
      text: of("--muted"),
      ink: of("--ink"),
      card: of("--card"),
      loss: of("--high"),
      family: css.fontFamily,
    };
    return this.colors;
  }

  draw() {
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    const [w, hgt] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== hgt) Object.assign(this.canvas, { width: w, height: hgt });
    const g = this.canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    // Everything scales with the text, for a phone as for a wall.
    this.em = parseFloat(getComputedStyle(this.element).fontSize);
    const top = 1.5 * this.em;
    const plot = { left: LEFT, top, width: this.plotWidth(), height: height - top - 1.7 * this.em };
    const stacks = this.points.map((p) => this.stack(p));
    this.chooseScale(stacks);
    const x = (time) => plot.left + ((time - this.from) / (this.to - this.from)) * plot.width;
    const y = (bits) => plot.top + plot.height * (1 - bits / this.scale);
    this.areas(g, stacks, plot, x, y);
    this.axes(g, plot, x, y);
    this.losses(g, plot, x);
    if (this.at !== null && stacks[this.at]) this.cursor(g, stacks[this.at], plot, x(this.points[this.at].time), y);
  }

  // Running sums from the bottom: [in, in + out, in + out + internal].
  stack(point) {
    let sum = 0;
    return this.series.map((s) => (sum += point[s.key]));
  }

  // The scale stays while the traffic fits it well, so that it does not breathe with every second.
  chooseScale(stacks) {
    const highest = Math.max(1000, ...stacks.map((s) => s.at(-1)));
    if (highest <= this.scale && highest > this.scale * 0.3) return;
    this.tick = niceStep((highest * 1.08) / 4);
    this.scale = this.tick * Math.ceil((highest * 1.08) / this.tick);
  }

  areas(g, stacks, plot, x, y) {
    const { series } = this.palette();
    g.save();
    g.beginPath();
    g.rect(plot.left, 0, plot.width, plot.top + plot.height);
    g.clip();
    g.lineJoin = "round";
    for (const [first, last] of this.runs()) {
      for (let layer = this.series.length - 1; layer >= 0; layer -= 1) {
        const top = new Path2D();
        for (let i = first; i <= last; i += 1) top.lineTo(x(this.points[i].time), y(stacks[i][layer]));
        // A step on its own is as wide as it lasted.
        if (first === last) top.lineTo(x(this.points[last].time + this.step), y(stacks[last][layer]));
        const area = new Path2D(top);
        if (first === last) area.lineTo(x(this.points[last].time + this.step), y(layer ? stacks[last][layer - 1] : 0));
        for (let i = last; i >= first; i -= 1) {
          area.lineTo(x(this.points[i].time), y(layer ? stacks[i][layer - 1] : 0));
        }
        g.fillStyle = series[layer];
        g.strokeStyle = series[layer];
        g.globalAlpha = 0.28;
        g.fill(area);
        g.globalAlpha = 1;
        g.lineWidth = (layer ? 0.08 : 0.12) * this.em;
        g.stroke(top);
      }
    }
    g.restore();
  }

  // Stretches without a gap: a missing stretch is shown as missing, not bridged.
  runs() {
    const runs = [];
    let first = 0;
    for (let i = 1; i <= this.points.length; i += 1) {
      const gap = i === this.points.length || this.points[i].time - this.points[i - 1].time > GAP_STEPS * this.step;
      if (gap) {
        runs.push([first, i - 1]);
        first = i;
      }
    }
    return runs.filter(([a, b]) => b >= a && this.points.length);
  }

  axes(g, plot, x, y) {
    const { line, text, card, family } = this.palette();
    g.font = `${this.em * 0.8}px ${family}`;
    g.lineWidth = 1;
    for (let bits = 0; bits <= this.scale * 1.001; bits += this.tick) {
      const at = Math.round(y(bits)) + 0.5;
      g.strokeStyle = line;
      g.globalAlpha = bits ? 0.55 : 1;
      g.beginPath();
      g.moveTo(plot.left, at);
      g.lineTo(plot.left + plot.width, at);
      g.stroke();
      g.globalAlpha = 1;
      if (!bits) continue;
      const label = axisRate(bits);
      g.textBaseline = "bottom";
      g.textAlign = "left";
      g.lineWidth = 4;
      g.strokeStyle = card;
      g.lineJoin = "round";
      g.globalAlpha = 0.8;
      g.strokeText(label, plot.left, at - 2);
      g.globalAlpha = 1;
      g.fillStyle = text;
      g.fillText(label, plot.left, at - 2);
      g.lineWidth = 1;
    }
    g.fillStyle = text;
    g.textBaseline = "alphabetic";
    g.textAlign = "center";
    const days = this.to - this.from > 2 * 86_400_000;
    const room = (days ? 7.5 : 5.5) * this.em;
    for (const tick of timeTicks(this.from, this.to, plot.width / room)) {
      const at = x(tick);
      const half = (days ? 3 : 1.4) * this.em;
      if (at < plot.left + half || at > plot.left + plot.width - half) continue;
      g.fillText(days ? moment(tick, 0) : clock(tick), at, plot.top + plot.height + 1.25 * this.em);
    }
  }

  // Where packets were lost: a tick along the top.
  losses(g, plot, x) {
    g.fillStyle = this.palette().loss;
    const width = Math.max(2, (plot.width * this.step) / (this.to - this.from));
    for (const p of this.points) {
      if (p.lost ?? p.dropped) g.fillRect(x(p.time) - width / 2, plot.top - 0.5 * this.em, width, 0.3 * this.em);
    }
  }

  cursor(g, stack, plot, at, y) {
    const { series, ink, card } = this.palette();
    g.strokeStyle = ink;
    g.globalAlpha = 0.5;
    g.beginPath();
    g.moveTo(Math.round(at) + 0.5, plot.top);
    g.lineTo(Math.round(at) + 0.5, plot.top + plot.height);
    g.stroke();
    g.globalAlpha = 1;
    stack.forEach((bits, layer) => {
      g.beginPath();
      g.arc(at, y(bits), 0.27 * this.em, 0, 7);
      g.fillStyle = series[layer];
      g.fill();
      g.lineWidth = 2;
      g.strokeStyle = card;
      g.stroke();
    });
  }
}
