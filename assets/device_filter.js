// Which devices are meant: words, and tokens such as `kind:phone`, `risk:>30` or `-is:online`.

import { deviceMatches } from "./search.js";
import { now } from "./state.js";

const DAY = 86_400_000;

/** The quick filters, and what `is:` takes. */
export const IS = {
  online: (d) => d.online,
  new: (d) => now() - Date.parse(d.first_seen) < DAY,
  important: (d) => d.important,
  unknown: (d) => d.known === false,
  risky: (d) => d.risk > 0,
};

const has = (values, wanted) => values.some((v) => v?.toLowerCase().includes(wanted));

const TOKENS = {
  is: (d, value) => Boolean(IS[value]?.(d)),
  kind: (d, value) => has([d.kind, d.kind.replaceAll("_", " ")], value),
  vendor: (d, value) => has([d.vendor], value),
  ip: (d, value) => d.ips.some((ip) => ip.startsWith(value)),
  mac: (d, value) => d.macs.some((mac) => mac.replaceAll(":", "").startsWith(value.replaceAll(/[:-]/g, ""))),
  name: (d, value) => has([d.label, d.name, ...d.names.map((n) => n.name)], value),
  risk: (d, value) => {
    const [, sign, number] = /^([<>]?)(\d+)$/.exec(value) ?? [];
    if (!number) return false;
    return sign === "<" ? (d.risk ?? 0) < number : sign === ">" ? (d.risk ?? 0) > number : (d.risk ?? 0) >= number;
  },
};

/** A function that says whether a device is meant. */
export function deviceFilter(typed) {
  const parts = typed.toLowerCase().match(/-?[a-z]+:"[^"]*"|\S+/g) ?? [];
  const tests = parts.map((part) => {
    const not = part.startsWith("-") && part.length > 1;
    const text = not ? part.slice(1) : part;
    const at = text.indexOf(":");
    const key = text.slice(0, Math.max(0, at));
    // An address has colons too.
    const test = Object.hasOwn(TOKENS, key)
      ? (d) => TOKENS[key](d, text.slice(at + 1).replaceAll('"', ""))
      : (d) => deviceMatches(d, text);
    return not ? (d) => !test(d) : test;
  });
  return (d) => tests.every((test) => test(d));
}
