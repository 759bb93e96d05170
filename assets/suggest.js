// What the filter bar suggests while somebody types: names of tokens, kinds, severities, devices.

import { TOKENS, parts, terms } from "./filter.js";
import { t } from "./i18n.js";
import { allKinds } from "./kinds.js";
import { SEVERITIES, state } from "./state.js";

const MOST = 8;

/**
 * Suggestions for `text`: `{ text, label, hint, done }`; `text` takes the place of the last word, and is whole when `done`.
 */
export function suggestions(text) {
  const word = /\s$/.test(text) || !text ? "" : terms(text).at(-1);
  const { not, name, value } = parts(word);
  const sign = not ? "-" : "";
  if (!name) return [...named(sign, value), ...found(sign, value)].slice(0, value ? MOST : TOKENS.length);
  const at = value.lastIndexOf(",") + 1;
  const before = `${sign}${name}:${value.slice(0, at)}`;
  return valuesOf(name, value.slice(at).replaceAll('"', "").toLowerCase())
    .slice(0, MOST)
    .map((s) => ({ ...s, text: before + s.value, done: true }));
}

const named = (sign, word) =>
  TOKENS.filter((name) => name.startsWith(word.toLowerCase())).map((name) => ({
    text: `${sign}${name}:`,
    label: `${name}:`,
    hint: t(`token.${name}.hint`),
  }));

function found(sign, word) {
  if (word.length < 2) return [];
  const of = (name) =>
    valuesOf(name, word.toLowerCase()).map((s) => ({ ...s, text: `${sign}${name}:${s.value}`, done: true }));
  return [...of("kind").slice(0, 3), ...of("ip").slice(0, 3), ...of("sev").slice(0, 1)];
}

function valuesOf(name, typed) {
  if (name === "kind") {
    const kinds = allKinds().filter((k) => k.id.includes(typed) || k.title.toLowerCase().includes(typed));
    return kinds.map((k) => ({ value: k.id, label: k.title, hint: `kind:${k.id}` }));
  }
  if (name === "sev") {
    const above = ["high", "medium"].map((s) => ({
      value: `>=${s}`,
      label: t("sev.>=", { severity: t(`severity.${s}`) }),
      hint: `sev:>=${s}`,
    }));
    const each = SEVERITIES.map((s) => ({ value: s, label: t(`severity.${s}`), hint: `sev:${s}` }));
    return [...each, ...above].filter((s) => s.value.includes(typed) || s.label.toLowerCase().includes(typed));
  }
  if (name === "state")
    return ["open", "acknowledged", "all"]
      .filter((s) => s.startsWith(typed))
      .map((s) => ({ value: s, label: t(`state.${s}`), hint: `state:${s}` }));
  if (!["src", "dst", "ip"].includes(name)) return [];
  const fits = (d) => [d.label, ...d.ips, ...d.macs].some((v) => v?.toLowerCase().includes(typed));
  return [...state.devices.values()].filter(fits).map((d) => {
    const value = d.macs.length ? d.macs.join(",") : d.ips[0];
    return { value, label: d.label, hint: d.ips[0] ?? d.macs[0] ?? "" };
  });
}
