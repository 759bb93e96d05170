// The words of the page, chosen by language. They stand in `words_*.js`, each with both languages side by side.

import account from "./words_account.js";
import alerts from "./words_alerts.js";
import backup from "./words_backup.js";
import detectors from "./words_detectors.js";
import devices from "./words_devices.js";
import evidence from "./words_evidence.js";
import frame from "./words_frame.js";
import health from "./words_health.js";
import history from "./words_history.js";
import kiosk from "./words_kiosk.js";
import inbox from "./words_inbox.js";
import overview from "./words_overview.js";
import refusals from "./words_refusals.js";
import settings from "./words_settings.js";
import sight from "./words_sight.js";

const WORDS = {
  ...account,
  ...alerts,
  ...backup,
  ...detectors,
  ...devices,
  ...evidence,
  ...frame,
  ...health,
  ...history,
  ...inbox,
  ...kiosk,
  ...overview,
  ...refusals,
  ...settings,
  ...sight,
};

const LANGUAGES = ["en", "nl"];

/** The language of the page: `en` or `nl`. */
export const lang = () => (document.documentElement.lang === "nl" ? "nl" : "en");

/** Chooses the language and remembers it. */
export function setLang(to) {
  document.documentElement.lang = to;
  try {
    localStorage.setItem("lang", to);
  } catch {
    /* kept for this visit only */
  }
}

/** Whether there are words for `id`. */
export const has = (id) => Object.hasOwn(WORDS, id);

/** The words for `id`, with `{name}` filled in. */
export function t(id, values = {}) {
  const words = has(id) ? WORDS[id][LANGUAGES.indexOf(lang())] : id;
  return words.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** What the monitor says in `key` of a record, in the language of the page; old records know English only. */
export const said = (record, key) => (lang() === "nl" && record[`${key}_nl`]) || record[key];

/** The words for a number of things: `id.one` or `id.other`. */
export function tn(id, n) {
  const shown = new Intl.NumberFormat(lang()).format(n ?? 0);
  return t(n === 1 ? `${id}.one` : `${id}.other`, { n: shown });
}
