// The evidence of an alert: what was measured, against which limit.

import { h } from "./dom.js";
import { count, decimal, full } from "./format.js";
import { t } from "./i18n.js";
import { kindTitle } from "./kinds.js";
import { valueWord, word } from "./parts.js";

/**
 * The numbers of an alert; `about` is its kind. A number stands beside its limit, when the names say which belongs to
 * which; a limit whose number is not named so has a row of its own.
 */
export function evidence(alert, about) {
  const entries = Object.entries(alert.evidence ?? {});
  const measured = entries.filter(([key]) => !isLimit(key));
  const limits = new Map();
  const alone = [];
  for (const [key, value] of entries.filter(([k]) => isLimit(k))) {
    const owner = ownerOf(key, value, measured, about?.settings ?? {});
    if (owner && !limits.has(owner)) limits.set(owner, value);
    else alone.push([key, value]);
  }
  const set = (key) => (limits.size || alone.length ? undefined : about?.settings?.[key]);
  const rows = [
    ...measured.map(([key, value]) => [key, value, limits.get(key) ?? set(key)]),
    ...alone.map(([key, value]) => [key, undefined, value]),
  ];
  if (!rows.length)
    return h("section", {}, h("h3", {}, t("evidence")), h("p", { class: "muted" }, t("evidence.none")));
  const limited = rows.some((row) => row[2] !== undefined);
  const cell = (key, value) => h("td", { class: "num" }, value === undefined ? "" : shown(key, value));
  return h(
    "section",
    {},
    h("h3", {}, t("evidence")),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "data" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            [t("evidence.what"), t("evidence.measured"), limited && t("evidence.limit")]
              .filter(Boolean)
              .map((c, i) => h("th", { scope: "col", class: i ? "num" : "" }, c)),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map(([key, value, limit]) =>
            h("tr", {}, h("th", { scope: "row" }, label(key)), cell(key, value), limited && cell(key, limit)),
          ),
        ),
      ),
    ),
  );
}

const isLimit = (key) => /(^|_)threshold(_|$)/.test(key);

// The name of the number that a limit is for: `loss` of `loss_threshold`, `spread_percent` of `threshold_percent`; where
// the names leave it open, the number whose setting has that value.
function ownerOf(key, value, measured, settings) {
  const bare = key.replace(/_?threshold_?/, (m, at) => (at && m.endsWith("_") ? "_" : ""));
  const numbers = measured.filter(([k, v]) => typeof v === "number" && !k.endsWith("_s")).map(([k]) => k);
  if (bare && numbers.includes(bare)) return bare;
  const like = bare ? numbers.filter((k) => k.endsWith(`_${bare}`)) : numbers;
  const set = (k) => Object.entries(settings).some(([s, v]) => v === value && (s === k || s.endsWith(`_${k}`)));
  return like.length === 1 ? like[0] : (like.find((k) => settings[k] === value) ?? like.find(set));
}

const UNITS = { s: "s", ms: "ms", percent: "%", bytes: "B", bits: "bit" };
const unitOf = (key) => key.match(/_([a-z]+)$/)?.[1];

function label(key) {
  const bare = UNITS[unitOf(key)] && unitOf(key) !== "bytes" ? key.slice(0, key.lastIndexOf("_")) : key;
  const words = isLimit(bare) ? limitWords(bare) : word("evidence", bare);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function limitWords(key) {
  const of = key.replace(/_?threshold_?/, "");
  return of ? `${t("evidence.limit")}: ${word("evidence", of)}` : t("evidence.limit");
}

function shown(key, value) {
  // A number that is a name is not counted in thousands.
  if (/(^|_)(port|function|unit)$/.test(key)) return String(value ?? "–");
  if (typeof value === "number") {
    const unit = UNITS[unitOf(key)];
    const text = Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 10 ? 2 : 1);
    return unit ? `${text} ${unit}` : text;
  }
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return full(value);
  const words = (v) => (typeof v === "object" ? JSON.stringify(v) : key === "kinds" ? kindTitle(v) : valueWord(v));
  if (Array.isArray(value)) return value.map(words).join(", ") || "–";
  if (value && typeof value === "object")
    return Object.entries(value)
      .map(([k, v]) => `${words(k)}: ${typeof v === "number" ? count(v) : words(v)}`)
      .join(", ");
  return value === null || value === undefined || value === "" ? "–" : words(value);
}
