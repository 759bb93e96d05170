// Settings: how this page looks, what is muted, and every setting of the monitor with where it came from. What is safe to
// change is changed here: gathered first, shown as a whole, then saved all or nothing.

import { del, get, patch, post } from "./api.js";
import { muteList } from "./actions.js";
import { backupCard } from "./backup.js";
import { fill, h, setText } from "./dom.js";
import { ago, full } from "./format.js";
import { has, lang, said, t, tn } from "./i18n.js";
import { allKinds, forgetKinds, loadTexts } from "./kinds.js";
import { badge, dialog, empty, toast } from "./parts.js";
import { alarmTest } from "./selftest.js";
import { settingInput, valueWords } from "./setting_input.js";
import { may, now, state, stop } from "./state.js";

// General sections, in the order of the page; the kinds of alerts come after them.
const SECTIONS = ["network", "devices", "detect", "store", "feeds", "log", "dashboard", "capture"];

export function settingsView(view) {
  const body = h("div", { class: "stack" }, h("p", { class: "muted" }, t("loading")));
  const bar = h("div", { class: "save-bar", role: "region", "aria-label": t("settings.unsaved.label"), hidden: true });
  const page = { answer: null, drafts: new Map(), problems: new Map(), rows: new Map(), search: "", saving: false };
  const search = h("input", {
    type: "search",
    name: "settings-search",
    placeholder: t("settings.search"),
    "aria-label": t("settings.search"),
    oninput: () => {
      page.search = search.value.trim().toLowerCase();
      sift();
    },
  });
  const looks = appearance(view);
  const none = h("p", { class: "muted", role: "status" });
  const element = h(
    "div",
    { class: "page settings-page" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.settings")), h("p", { class: "muted total" }), search),
    looks,
    none,
    body,
    bar,
  );
  const locked = () => !page.answer?.live || !may();

  load();
  view.on("status", (s) => s.detail === "settings_changed" && !page.saving && !page.drafts.size && load());
  document.addEventListener("restored", load);
  view.cleanup(() => document.removeEventListener("restored", load));
  const leaving = (event) => page.drafts.size && event.preventDefault();
  addEventListener("beforeunload", leaving);
  view.cleanup(() => removeEventListener("beforeunload", leaving));
  return element;

  async function load() {
    try {
      const [answer] = await Promise.all([get("/api/settings"), loadTexts()]);
      take(answer);
    } catch (error) {
      fill(body, empty(t("error.load"), error.message, retry()));
    }
  }

  function retry() {
    return h("button", { type: "button", onclick: load }, t("retry"));
  }

  function take(answer) {
    page.answer = answer;
    page.drafts.clear();
    page.problems.clear();
    page.rows.clear();
    draw();
  }

  function draw() {
    const open = new Set([...body.querySelectorAll("details[open]")].map((d) => d.dataset.section));
    const of = (section) => page.answer.settings.filter((s) => s.section === section);
    fill(
      body,
      notes(),
      recent(),
      SECTIONS.map((id) => group(id, of(id))),
      h("section", { class: "card aside" }, h("h2", {}, t("mutes")), h("p", { class: "muted" }, t("mutes.explain")), muteList(view)),
      may() && backupCard(view),
      h(
        "section",
        { class: "card kinds-card" },
        h("h2", {}, t("settings.kinds")),
        h("p", { class: "muted" }, t("settings.kinds.why")),
        allKinds().length
          ? h("div", { class: "plain-list kinds" }, allKinds().map((k) => kindRow(k, of(`detect.${k.id}`), open)))
          : empty(t("settings.kinds.none"), t("settings.kinds.none.why")),
      ),
    );
    sift();
    showBar();
  }

  function notes() {
    const pending = page.answer.settings.filter((s) => s.pending);
    return [
      !page.answer.live && h("p", { class: "card note" }, t("settings.not_live")),
      page.answer.live && !may() && h("p", { class: "card note" }, t("settings.viewer")),
      pending.length > 0 &&
        h("p", { class: "card note warn" }, t("settings.pending", { keys: pending.map((s) => title(s)).join(", ") })),
    ];
  }

  // ---- one section, one setting

  function group(id, settings) {
    return h(
      "section",
      { class: "card setting-group", id: `settings-${id}` },
      h("h2", {}, t(`section.${id}`)),
      h("p", { class: "muted" }, t(`section.${id}.why`)),
      settings.map(row),
    );
  }

  function kindRow(kind, settings, open) {
    const changed = settings.some((s) => s.origin === "page");
    const enabled = settings.find((s) => s.key.endsWith(".enabled"));
    return h(
      "details",
      { "data-section": kind.id, open: open.has(kind.id) },
      h(
        "summary",
        {},
        badge(kind.severity),
        h("b", {}, kind.title),
        enabled?.value === false && h("span", { class: "tag" }, t("off")),
        changed && h("span", { class: "tag changed" }, t("settings.changed")),
      ),
      h("p", {}, kind.what),
      kind.harmless && h("p", { class: "muted" }, kind.harmless),
      h("div", { class: "kind-settings" }, settings.map(row)),
    );
  }

  function title(setting) {
    const name = setting.key.slice(setting.section.length + 1);
    if (name === "enabled") return t("setting.enabled");
    return t([`setting.${setting.key}`, `setting.any.${name}`].find(has) ?? name);
  }

  function row(setting) {
    const el = h("div", { class: "setting", "data-key": setting.key });
    page.rows.set(setting.key, { el, setting });
    drawRow(setting, el);
    return el;
  }

  function drawRow(setting, el) {
    const id = `set-${setting.key.replaceAll(".", "-")}`;
    const problem = page.problems.get(setting.key);
    const fixed = setting.editable && !locked() ? null : fixedWords(setting);
    const draft = page.drafts.has(setting.key) ? page.drafts.get(setting.key) : undefined;
    const value = draft === undefined ? setting.value : draft === null ? beneath(setting).value : draft;
    const marks = [
      draft !== undefined && h("span", { class: "tag draft" }, t("settings.unsaved")),
      setting.origin === "page" && draft === undefined && h("span", { class: "tag changed" }, t("settings.changed")),
      setting.pending && h("span", { class: "tag" }, t("settings.after_restart")),
    ];
    const input = settingInput(setting, value, {
      id,
      disabled: fixed !== null,
      invalid: Boolean(problem),
      onchange: (next) => edit(setting, next),
    });
    const reset = setting.origin === "page" && draft !== null && fixed === null;
    fill(
      el,
      h(
        "div",
        { class: "setting-words" },
        h("label", { for: id }, title(setting)),
        marks,
        h("p", { class: "muted fine", id: `${id}-doc` }, docOf(setting)),
        h(
          "p",
          { class: "fine source" },
          h("code", {}, setting.key),
          " · ",
          h("span", {}, t(`origin.${setting.origin}`, { from: setting.from })),
          setting.origin !== "default" && ` · ${t("settings.default", { value: valueWords(setting, setting.default) })}`,
        ),
        fixed && h("p", { class: "fine source" }, fixed),
      ),
      h(
        "div",
        { class: "setting-value" },
        input,
        problem && h("p", { class: "problem", id: `${id}-problem`, role: "alert" }, problem),
        setting.applies === "restart" && fixed === null && h("small", {}, t("settings.applies.restart")),
        h(
          "div",
          { class: "actions" },
          reset &&
            h("button", { type: "button", class: "plain", onclick: () => edit(setting, null) }, t("settings.reset", { from: valueWords(setting, beneath(setting).value) })),
          draft !== undefined &&
            h("button", { type: "button", class: "plain", onclick: () => edit(setting, undefined) }, t("settings.discard")),
        ),
      ),
    );
  }

  function beneath(setting) {
    return setting.without_page ?? { value: setting.value };
  }

  function fixedWords(setting) {
    if (page.answer.live && !may()) return "";
    return setting.fixed && setting.fixed !== "not_live" ? t(`fixed.${setting.fixed}`, { from: setting.from }) : "";
  }

  // `undefined` forgets the draft, `null` asks for what is so without the page.
  function edit(setting, next) {
    const same = next !== null && JSON.stringify(next) === JSON.stringify(setting.value);
    if (next === undefined || same) page.drafts.delete(setting.key);
    else page.drafts.set(setting.key, next);
    page.problems.delete(setting.key);
    const { el } = page.rows.get(setting.key);
    const focused = el.contains(document.activeElement) ? document.activeElement.id : "";
    drawRow(setting, el);
    if (focused) document.getElementById(focused)?.focus();
    else el.querySelector("input, select, textarea")?.focus();
    showBar();
  }

  // ---- saving

  function showBar() {
    const n = page.drafts.size;
    bar.hidden = n === 0;
    fill(
      bar,
      h("span", { role: "status" }, tn("settings.changes", n)),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => take(page.answer) }, t("settings.discard.all")),
        h("button", { type: "button", class: "primary", onclick: review }, t("settings.review")),
      ),
    );
  }

  function review() {
    const entries = [...page.drafts].map(([key, next]) => [page.rows.get(key).setting, next]);
    const unread = entries.filter(([, next]) => next instanceof Error);
    if (unread.length) {
      for (const [setting, error] of unread) page.problems.set(setting.key, error.message);
      return showProblems();
    }
    const restart = entries.some(([setting]) => setting.applies === "restart");
    const to = (setting, next) => valueWords(setting, next === null ? beneath(setting).value : next);
    dialog(
      t("settings.save.title"),
      [
        h(
          "ul",
          { class: "plain-list changes" },
          entries.map(([setting, next]) =>
            h("li", {}, h("b", {}, title(setting)), " ", h("code", {}, setting.key), h("p", {},
              h("s", {}, valueWords(setting, setting.value)), " → ", h("b", {}, to(setting, next)))),
          ),
        ),
        h("p", { class: "muted fine" }, restart ? t("settings.save.restart") : t("settings.save.now")),
      ],
      { submit: t("save"), onsubmit: save },
    );
  }

  async function save() {
    page.saving = true;
    try {
      const answer = await patch("/api/settings", Object.fromEntries(page.drafts));
      const n = page.drafts.size;
      forgetKinds();
      await loadTexts();
      take(answer);
      saved(n);
    } catch (error) {
      if (!error.fields) throw error;
      for (const [key, words] of Object.entries(error.fields)) page.problems.set(key, words);
      showProblems();
    } finally {
      page.saving = false;
    }
  }

  function saved(n) {
    toast(tn("settings.saved", n), "", { label: t("settings.undo"), act: undo });
  }

  async function undo() {
    page.saving = true;
    try {
      const answer = await post("/api/settings/undo");
      forgetKinds();
      await loadTexts();
      take(answer);
      toast(t("settings.undone"));
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      page.saving = false;
    }
  }

  function showProblems() {
    for (const key of page.problems.keys()) {
      const held = page.rows.get(key);
      if (!held) continue;
      held.el.closest("details")?.setAttribute("open", "");
      drawRow(held.setting, held.el);
    }
    const first = page.rows.get([...page.problems.keys()].find((key) => page.rows.has(key)));
    first?.el.querySelector("input, select, textarea")?.focus();
    first?.el.scrollIntoView({ block: "center" });
    toast(t("settings.wrong"), "bad");
  }

  function recent() {
    const { changes } = page.answer;
    if (!changes.length) return null;
    const known = (key) => page.answer.settings.find((s) => s.key === key);
    const words = (key, value) => (known(key) ? valueWords(known(key), value) : JSON.stringify(value));
    return h(
      "section",
      { class: "card aside" },
      h("h2", {}, t("settings.recent")),
      h(
        "ul",
        { class: "plain-list changes" },
        changes.map((change, at) =>
          h(
            "li",
            {},
            h("p", { class: "muted fine" }, h("time", { datetime: change.time, title: full(change.time) }, ago(Date.parse(change.time), now())), " · ", has(`who.${change.who}`) ? t(`who.${change.who}`) : change.who),
            change.keys.map((k) => h("p", {}, h("code", {}, k.key), " ", h("s", {}, words(k.key, k.was)), " → ", h("b", {}, words(k.key, k.now)))),
            at === 0 && !locked() && h("button", { type: "button", onclick: undo }, t("settings.undo")),
          ),
        ),
      ),
    );
  }

  // ---- search

  function sift() {
    const wanted = page.search.split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { el, setting } of page.rows.values()) {
      const kind = el.closest("details")?.querySelector("summary b")?.textContent ?? "";
      const text = `${setting.key} ${title(setting)} ${docOf(setting)} ${kind}`.toLowerCase();
      const fits = wanted.every((word) => text.includes(word));
      el.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const group of body.querySelectorAll(".setting-group, .kinds > details")) {
      const left = [...group.querySelectorAll(".setting")].some((el) => !el.hidden);
      group.hidden = wanted.length > 0 && !left;
      if (wanted.length && left && group.tagName === "DETAILS" && shown < 12) group.open = true;
    }
    setText(none, wanted.length ? (shown ? tn("settings.found", shown) : t("settings.found.none")) : "");
    none.hidden = !wanted.length;
    for (const aside of [looks, ...body.querySelectorAll(".aside")]) aside.hidden = wanted.length > 0;
  }
}

// ---- this browser

function appearance(view) {
  return h(
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
    h(
      "section",
      { class: "card" },
      h("h2", {}, t("settings.session")),
      session(view),
      h("div", { "data-change": true }, h("h2", {}, t("selftest")), alarmTest(view, { folded: true })),
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
    h(
      "p",
      { class: "actions" },
      h("a", { class: "button", href: "/account" }, t("settings.account")),
      h("button", { type: "button", onclick: out }, t("logout")),
    ),
  ];
}

// What a setting means. The range stands beside the input; long docs are for the example file: their first part is
// enough here.
function docOf(setting) {
  const plain = said(setting, "doc").replace(/\x60/g, "").replace(/\s+/g, " ").replace(/ [\d.]+ to [\d.]+\.$/, "");
  return setting.key === "feeds.lists" ? plain.split(" format ")[0] : plain;
}
