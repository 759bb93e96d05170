// How this page looks, who is logged in, what is muted, and what the monitor looks for.

import { del } from "./api.js";
import { muteList } from "./actions.js";
import { fill, h } from "./dom.js";
import { count } from "./format.js";
import { lang, t } from "./i18n.js";
import { allKinds, forgetKinds, loadKinds } from "./kinds.js";
import { badge, empty, toast } from "./parts.js";
import { state, stop } from "./state.js";

export function settingsView(view) {
  const kinds = h("div", {}, h("p", { class: "muted" }, t("loading")));
  loadKinds().then(() => fill(kinds, catalogue()));
  return h(
    "div",
    { class: "page" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.settings"))),
    h(
      "div",
      { class: "columns" },
      h(
        "section",
        { class: "card" },
        h("h2", {}, t("settings.page")),
        choice(t("theme"), ["auto", "light", "dark"], chosenTheme(), "theme", (v) => t(`theme.${v}`)),
        choice(t("language"), ["en", "nl"], lang(), "language", (v) => ({ en: "English", nl: "Nederlands" })[v]),
        h("p", {}, h("a", { href: "/kiosk" }, t("settings.kiosk"))),
      ),
      h("section", { class: "card" }, h("h2", {}, t("settings.session")), session(view)),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t("mutes")),
      h("p", { class: "muted" }, t("mutes.explain")),
      muteList(view),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t("settings.kinds")),
      h("p", { class: "muted" }, t("settings.kinds.why")),
      kinds,
    ),
  );
}

const chosenTheme = () => document.documentElement.dataset.theme ?? "auto";

// What is chosen is wished for; the frame grants it.
function choice(label, values, current, topic, words) {
  const buttons = values.map((v) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(v === current),
        onclick: () => {
          buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(values[i] === v)));
          document.dispatchEvent(new CustomEvent(`${topic}wish`, { detail: v }));
        },
      },
      words(v),
    ),
  );
  return h(
    "div",
    { class: "choice" },
    h("span", {}, label),
    h("div", { class: "segments", role: "group", "aria-label": label }, buttons),
  );
}

function session(view) {
  const { monitor } = state.snapshot ?? {};
  const out = async () => {
    try {
      await del("/api/session");
    } catch (error) {
      if (error.status !== 401) return toast(error.message, "bad");
    }
    stop();
    forgetKinds();
    return view.go("/login");
  };
  return [
    monitor &&
      h("p", { class: "muted" }, t("settings.about", { host: monitor.host || "–", version: monitor.version })),
    h("p", {}, h("button", { type: "button", onclick: out }, t("logout")), " ", h("a", { class: "button", href: "/account" }, t("nav.account"))),
  ];
}

function catalogue() {
  const kinds = allKinds();
  if (!kinds.length) return empty(t("settings.kinds.none"), t("settings.kinds.none.why"));
  return h(
    "ul",
    { class: "plain-list kinds" },
    kinds.map((k) =>
      h(
        "li",
        {},
        h(
          "details",
          {},
          h(
            "summary",
            {},
            badge(k.severity),
            h("b", {}, k.title),
            k.enabled === false && h("span", { class: "tag" }, t("off")),
          ),
          h("p", {}, k.what),
          k.harmless && h("p", { class: "muted" }, k.harmless),
          settings(k),
        ),
      ),
    ),
  );
}

function settings({ id, settings: values }) {
  const entries = Object.entries(values ?? {});
  if (!entries.length) return null;
  const words = (v) =>
    typeof v === "number"
      ? count(v) === "0" || !Number.isInteger(v)
        ? String(v)
        : count(v)
      : typeof v === "boolean"
        ? t(v ? "yes" : "no")
        : Array.isArray(v)
          ? v.join(", ") || "–"
          : String(v);
  return h(
    "table",
    { class: "data" },
    h("caption", {}, h("code", {}, `[detect.${id}]`)),
    h(
      "tbody",
      {},
      entries.map(([k, v]) =>
        h("tr", {}, h("th", { scope: "row" }, h("code", {}, k)), h("td", { class: "num" }, words(v))),
      ),
    ),
  );
}
