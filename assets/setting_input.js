// The input of one setting, by its type, and its value in words.

import { h } from "./dom.js";
import { count } from "./format.js";
import { t } from "./i18n.js";

/** A value of a setting as people read it. */
export function valueWords(setting, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return t(value ? "on" : "off");
  if (typeof value === "number") return `${Number.isInteger(value) ? count(value) : value}${unit(setting)}`;
  if (Array.isArray(value)) return value.map((v) => (typeof v === "object" ? rule(v) : String(v))).join(", ") || t("settings.nothing");
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return entries.map(([k, v]) => `${k} = ${v}`).join(", ") || t("settings.nothing");
  }
  return String(value) || t("settings.nothing");
}

/** The unit that a key's name ends with, with a blank before it. */
export function unit({ key }) {
  const found = key.match(/_(s|seconds|ms|days|hours|minutes|mib|kib|percent)$|\.(seconds|days)$/);
  return found ? ` ${t(`unit.${found[1] ?? found[2]}`)}` : "";
}

const rule = (v) =>
  Object.entries(v)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([k, value]) => `${k}=${value}`)
    .join(" ");

/** An input for the setting; `onchange` gets the value, or an `Error` with words when it cannot be read. */
export function settingInput(setting, value, { id, disabled, invalid, onchange }) {
  const shared = {
    id,
    disabled,
    "aria-describedby": `${id}-doc${invalid ? ` ${id}-problem` : ""}`,
    "aria-invalid": invalid ? "true" : null,
  };
  const make = { boolean: toggle, integer: number, number, choice, texts: lines, numbers: lines, names: lines, rules: lines }[setting.type];
  return (make ?? text)(setting, value, shared, onchange);
}

function toggle(setting, value, shared, onchange) {
  return h("input", { ...shared, type: "checkbox", role: "switch", checked: value === true, onchange: (e) => onchange(e.target.checked) });
}

function number(setting, value, shared, onchange) {
  const { minimum, maximum } = setting;
  const shown = value instanceof Error ? value.given : value;
  const input = h("input", {
    ...shared,
    type: "number",
    inputmode: "decimal",
    min: minimum,
    max: maximum,
    step: setting.type === "integer" ? 1 : "any",
    value: shown,
    onchange: () => {
      const given = input.value.trim();
      onchange(given === "" || Number.isNaN(Number(given)) ? unreadable(t("settings.not_number"), given) : Number(given));
    },
  });
  const range =
    minimum !== undefined && h("small", {}, t("settings.range", { from: count(minimum), to: count(maximum) }));
  return h("div", { class: "with-unit" }, input, unit(setting) && h("span", {}, unit(setting)), range);
}

function choice(setting, value, shared, onchange) {
  return h(
    "select",
    { ...shared, onchange: (e) => onchange(e.target.value) },
    setting.choices.map((c) => h("option", { value: c, selected: c === value }, c)),
  );
}

function text(setting, value, shared, onchange) {
  return h("input", { ...shared, type: "text", value: value ?? "", onchange: (e) => onchange(e.target.value.trim()) });
}

// One entry a line: lists, names by address, rules.
function lines(setting, value, shared, onchange) {
  const { type } = setting;
  const shown = value instanceof Error ? value.given : written(value);
  const rows = Math.min(8, Math.max(2, shown.split("\n").length));
  const area = h("textarea", {
    ...shared,
    rows,
    spellcheck: "false",
    value: shown,
    onchange: () => onchange(parsed(type, area.value)),
  });
  return h("div", {}, area, h("small", {}, t(`settings.lines.${type}`)));
}

function written(value) {
  if (Array.isArray(value)) return value.map((v) => (typeof v === "object" ? rule(v) : String(v))).join("\n");
  return Object.entries(value ?? {}).map(([k, v]) => `${k} = ${v}`).join("\n");
}

function unreadable(words, given) {
  return Object.assign(new Error(words), { given });
}

function parsed(type, given) {
  const entries = given
    .split(type === "texts" || type === "numbers" ? /[\n,]/ : "\n")
    .map((line) => line.trim())
    .filter(Boolean);
  if (type === "texts") return entries;
  if (type === "numbers") {
    const bad = entries.find((entry) => !/^\d+$/.test(entry));
    return bad ? unreadable(t("settings.not_whole", { text: bad }), given) : entries.map(Number);
  }
  if (type === "names") {
    const bad = entries.find((entry) => !entry.includes("="));
    if (bad) return unreadable(t("settings.not_pair", { text: bad }), given);
    return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf("=")).trim(), entry.slice(entry.indexOf("=") + 1).trim()]));
  }
  const rules = entries.map((entry) => entry.split(/\s+/).map((word) => word.split("=")));
  const bad = rules.flat().find((pair) => pair.length !== 2 || !pair[1]);
  if (bad) return unreadable(t("settings.not_pair", { text: bad.join("=") }), given);
  return rules.map((pairs) => Object.fromEntries(pairs.map(([k, v]) => [k, k === "port" && /^\d+$/.test(v) ? Number(v) : v])));
}
