// Numbers and times for people, in the language of the page.

import { lang, t } from "./i18n.js";

const made = new Map();

function number(digits) {
  const id = lang() + digits;
  if (!made.has(id)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    made.set(id, new Intl.NumberFormat(lang(), options));
  }
  return made.get(id);
}

/** A whole number with separators. */
export const count = (n) => number(0).format(Math.round(n ?? 0));

/** A number with up to `digits` decimals. */
export const decimal = (n, digits = 1) => number(digits).format(n);

function scaled(value, units) {
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return [number(digits).format(value), units[unit]];
}

const BITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `["42.1", "Mbit/s"]` from bytes per second. */
export const ratePair = (bytesPerSecond) => scaled((bytesPerSecond || 0) * 8, BITS);

/** `42.1 Mbit/s` from bytes per second. */
export const rate = (bytesPerSecond) => ratePair(bytesPerSecond).join("\u00a0");

/** `["11.5", "MB"]`. */
export const bytesPair = (n) => scaled(n || 0, BYTES);

/** `11.5 MB`. */
export const bytes = (n) => bytesPair(n).join("\u00a0");

/** `1,234 bytes`, for tooltips. */
export const exactBytes = (n) => `${count(n)} ${t("bytes")}`;

/** Bits per second on an axis: `20 Mbit/s`, without needless decimals. */
export function axisRate(bits) {
  let unit = 0;
  while (bits >= 1000 && unit < BITS.length - 1) {
    bits /= 1000;
    unit += 1;
  }
  return `${new Intl.NumberFormat(lang(), { maximumFractionDigits: 2 }).format(bits)} ${BITS[unit]}`;
}

/** `3 d 4 h`, `12 min`, `8 s`. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds ?? 0));
  const d = Math.floor(s / 86400);
  const hours = Math.floor((s % 86400) / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  if (d) return `${d} ${t("unit.day")} ${hours} ${t("unit.hour")}`;
  if (hours) return `${hours} ${t("unit.hour")} ${minutes} min`;
  if (minutes) return `${minutes} min`;
  return `${s} s`;
}

const formats = {
  clock: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { weekday: "short", day: "numeric", month: "short" },
  moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  year: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  date: { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" },
  weekday: { weekday: "short", timeZone: "UTC" },
  full: { dateStyle: "full", timeStyle: "long" },
};

function format(style, date) {
  const id = lang() + style;
  if (!made.has(id)) made.set(id, new Intl.DateTimeFormat(lang(), formats[style]));
  return made.get(id).format(date);
}

/** `14:02`. */
export const clock = (time) => format("clock", new Date(time));

/** `14:02:10`. */
export const second = (time) => format("second", new Date(time));

/** `Sat 14 Mar`: a day as the monitor counts them, in UTC. */
export const date = (time) => format("date", new Date(time));

/** `Sat`, in UTC. */
export const weekday = (time) => format("weekday", new Date(time));

/** The whole date and time with zone, for tooltips. */
export const full = (time) => format("full", new Date(time));

/** `14:02` when on the same day as `now`, else `Tue 3 Mar 14:02`, with the year when it is another. */
export function moment(time, now = Date.now()) {
  const [a, b] = [new Date(time), new Date(now)];
  if (a.toDateString() === b.toDateString()) return format("clock", a);
  return format(a.getFullYear() === b.getFullYear() ? "moment" : "year", a);
}

/** `3 min ago`. */
export function ago(time, now) {
  const seconds = Math.round((new Date(time) - now) / 1000);
  const steps = [
    ["year", 31536000],
    ["month", 2592000],
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ];
  if (!made.has(`ago${lang()}`)) {
    made.set(`ago${lang()}`, new Intl.RelativeTimeFormat(lang(), { numeric: "always", style: "short" }));
  }
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return made.get(`ago${lang()}`).format(Math.trunc(seconds / size), unit);
  }
  return t("just now");
}

/** Forgets formats of the former language. */
export const languageChanged = () => made.clear();
