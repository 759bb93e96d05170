// The filter of the alert list as it stands in the address: terms of the filter language, state, time. What a term means
// is the server's to say; here terms are only told apart, put together, and put into words.

import { query } from "./api.js";
import { moment } from "./format.js";
import { has, t } from "./i18n.js";
import { kindTitle } from "./kinds.js";
import { now, state } from "./state.js";

/** Names of tokens, the ones people need most first. */
export const TOKENS = ["kind", "sev", "src", "dst", "ip", "state", "port", "count", "id"];
const OTHER_NAMES = { severity: "sev", source: "src", from: "src", target: "dst", to: "dst" };
/** Ranges back from now: name and seconds. */
export const RANGES = { "1h": 3600, "24h": 86400, "7d": 604800, "30d": 2592000 };

/** The terms of a text as they were typed: split at spaces outside of quotes. */
export const terms = (text) => text.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/gu) ?? [];

/** `{ not, name, value }` of a typed term; without a name it is free text. */
export function parts(term) {
  const [, not, name, value] = term.match(/^(-?)(?:([a-z]+):(?!\/\/))?(.*)$/isu);
  const known = OTHER_NAMES[name?.toLowerCase()] ?? name?.toLowerCase();
  if (!TOKENS.includes(known)) return { not: Boolean(not), name: "", value: not ? term.slice(1) : term };
  return { not: Boolean(not), name: known, value };
}

/** A value, in quotes where it needs them. */
export const quoted = (text) =>
  /^[\p{L}\p{N}_.*/-]+$/u.test(text) && !text.startsWith("-") ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;

/** Free text that is never taken for a token. */
export const asText = (text) => text.split(/\s+/).filter(Boolean).map(quoted).join(" ");

const bare = (text) => text.replace(/"((?:\\.|[^"\\])*)"?/g, (_, inner) => inner.replace(/\\(.)/g, "$1"));

/** The device behind an address or a station, as far as it is known here. */
export const deviceOf = (text) =>
  [...state.devices.values()].find((d) => d.macs.includes(text) || d.ips.includes(text));

const VALUE_WORDS = {
  kind: kindTitle,
  sev: (v) => {
    const [, sign, word] = v.match(/^([<>]=?)?(.*)$/);
    const words = has(`severity.${word}`) ? t(`severity.${word}`) : word;
    return sign ? t(`sev.${sign}`, { severity: words }) : words;
  },
  state: (v) => (has(`state.${v}`) ? t(`state.${v}`) : v),
  src: (v) => deviceOf(v)?.label ?? v,
};

/** A term in words: `Kind: Port scan`, `Not from: Printer`. */
export function termWords(term) {
  const { not, name, value } = parts(term);
  const words = VALUE_WORDS[["dst", "ip"].includes(name) ? "src" : name] ?? String;
  const split = name ? (value.match(/(?:"(?:\\.|[^"\\])*"?|[^,"])+/gu) ?? []) : [value];
  const values = split.map((v) => words(bare(v))).join(` ${t("or")} `);
  const label = name ? `${t(`token.${name}`)}: ${values}` : `“${values}”`;
  return not ? `${t("not")} ${label}` : label;
}

/** The filter of an address. Old addresses name severity, kind, source and target apart. */
export function readFilter(params) {
  const of = (key) => params.get(key) ?? "";
  const filter = {
    terms: [],
    typed: "",
    state: ["all", "acknowledged"].includes(of("state")) ? of("state") : "open",
    range: Object.hasOwn(RANGES, of("range")) ? of("range") : "",
    since: of("since"),
    until: of("until"),
  };
  const token = (name, key) => of(key) && addTerm(filter, `${name}:${/^[\w.:/,<>=-]+$/.test(of(key)) ? of(key) : quoted(of(key))}`);
  token("sev", "severity");
  token("kind", "kind");
  token("src", "source");
  token("dst", "target");
  terms(of("q")).forEach((term) => addTerm(filter, term));
  return filter;
}

/** Adds a term once; one that names the state alone says which is shown. */
export function addTerm(filter, term) {
  const { not, name, value } = parts(term);
  if (name === "state" && !not && ["open", "acknowledged", "all"].includes(value)) filter.state = value;
  else if (!filter.terms.includes(term)) filter.terms.push(term);
}

/** Everything that is asked for, typed words included, as one text. */
export const queryText = (filter) => [...filter.terms, filter.typed].filter(Boolean).join(" ");

/** The filter as the address of the page has it. */
export const pageQuery = (filter, id) =>
  query({
    q: queryText(filter),
    state: filter.state === "open" ? "" : filter.state,
    range: filter.range,
    since: filter.range ? "" : filter.since,
    until: filter.range ? "" : filter.until,
    id,
  });

/** The filter as the server is asked, with what else is wanted; `and` are terms more. */
export function apiQuery(filter, more = {}, and = "") {
  const back = RANGES[filter.range] && new Date(now() - RANGES[filter.range] * 1000).toISOString();
  return query({
    q: [queryText(filter), and].filter(Boolean).join(" "),
    state: filter.state === "all" ? "" : filter.state,
    since: back || filter.since,
    until: back ? "" : filter.until,
    ...more,
  });
}

/** Whether it is narrower than a state. */
export const isNarrow = (filter) => Boolean(queryText(filter) || filter.range || filter.since || filter.until);

/** The time it covers, in words; "" when all of it. */
export function timeWords({ range, since, until }) {
  if (range) return t(`range.${range}`);
  const words = [since && t("range.since", { time: moment(since, now()) }), until && t("range.until", { time: moment(until, now()) })];
  return words.filter(Boolean).join(" ");
}
