// Round numbers and round times for the axes of charts.

const TIME_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800];

/** A round number at or above `value`: 1, 2, 2.5 or 5 times a power of ten. */
export function niceStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 2.5, 5, 10].find((m) => m * power >= value * 0.999);
}

/** Ticks in local time, at most `most`, on round clock times. */
export function timeTicks(from, to, most) {
  const step = 1000 * (TIME_STEPS.find((s) => (to - from) / 1000 / s <= most) ?? TIME_STEPS.at(-1));
  const zone = new Date(from).getTimezoneOffset() * 60_000;
  const ticks = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) ticks.push(at);
  return ticks;
}
