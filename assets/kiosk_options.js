// What one kiosk shows and how: it stands in its address, so that a wall display needs nothing but a bookmark.

import { query } from "./api.js";
import { h } from "./dom.js";
import { lang, t } from "./i18n.js";
import { dialog, field } from "./parts.js";

/** Every screen there is, in turn. */
export const SCREENS = ["traffic", "alerts", "devices", "talkers", "health"];

const THEMES = ["auto", "light", "dark"];
const SECONDS = { least: 3, usual: 20, most: 3600 };

/** The options in an address; whatever makes no sense is as usual. */
export function options(params) {
  const asked = (params.get("screens") ?? "").split(",");
  const screens = SCREENS.filter((id) => asked.includes(id));
  const seconds = Number(params.get("seconds")) || SECONDS.usual;
  const theme = params.get("theme");
  return {
    screens: screens.length ? screens : SCREENS,
    seconds: Math.min(SECONDS.most, Math.max(SECONDS.least, seconds)),
    theme: THEMES.includes(theme) ? theme : "auto",
    sound: params.get("sound") === "1",
  };
}

/** Asks for the options and loads the kiosk with them. */
export function setUp(current, view) {
  const choice = (id, values, chosen, words) =>
    h(
      "select",
      { name: id },
      values.map((v) => h("option", { value: v, selected: v === chosen }, words(v))),
    );
  const tick = (id, value, checked, label, hint) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name: id, value, checked }),
      h("span", {}, label, hint && h("small", {}, hint)),
    );
  const seconds = {
    type: "number",
    name: "seconds",
    min: SECONDS.least,
    max: SECONDS.most,
    value: current.seconds,
  };
  const content = [
    field(
      t("kiosk.theme"),
      choice("theme", THEMES, current.theme, (v) => t(`theme.${v}`)),
    ),
    field(
      t("language"),
      choice("lang", ["en", "nl"], lang(), (v) => (v === "nl" ? "Nederlands" : "English")),
    ),
    field(t("kiosk.seconds"), h("input", { ...seconds, required: true })),
    h(
      "fieldset",
      {},
      h("legend", {}, t("kiosk.screens")),
      SCREENS.map((id) => tick("screens", id, current.screens.includes(id), t(`kiosk.${id}`))),
      h("small", {}, t("kiosk.screens.hint")),
    ),
    tick("sound", "1", current.sound, t("kiosk.sound"), t("kiosk.sound.hint")),
    h("p", { class: "muted fine" }, t("kiosk.address")),
  ];
  const onsubmit = (data) => {
    const screens = data.getAll("screens");
    const { theme, lang, seconds, sound } = Object.fromEntries(data);
    const chosen = {
      theme: theme === "auto" ? "" : theme,
      lang,
      seconds: Number(seconds) === SECONDS.usual ? "" : seconds,
      screens: screens.length === SCREENS.length ? "" : screens.join(","),
      sound,
    };
    view.go(`/kiosk${query(chosen)}`, { replace: true });
    // The language is chosen before anything is drawn.
    location.reload();
  };
  return dialog(t("kiosk.settings"), h("div", { class: "kiosk-options" }, content), {
    submit: t("kiosk.apply"),
    onsubmit,
  });
}
