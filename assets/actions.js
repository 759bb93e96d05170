// What can be done about an alert: acknowledge it, or mute its like.

import { del, get, post } from "./api.js";
import { fill, h, name } from "./dom.js";
import { full, moment, count } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { dialog, empty, field, partyName, sentenceOf, toast } from "./parts.js";
import { alertChanged, may, now } from "./state.js";

/** Asks for a note, then acknowledges. `done` gets the alert as it is then. */
export function acknowledge(alert, done = () => {}) {
  if (!may()) return toast(t("account.readonly"));
  const note = h("textarea", { name: "note", rows: 2, maxlength: 500, autofocus: true, onkeydown: enterSubmits });
  const content = [h("p", { class: "quote" }, sentenceOf(alert)), field(t("note"), note, t("note.hint"))];
  dialog(t("ack.title"), content, {
    submit: t("ack"),
    onsubmit: async (form) => {
      const text = form.get("note").trim();
      const answer = await post(`/api/alerts/${alert.id}/ack`, { note: text });
      const acknowledged = answer?.acknowledged ?? { time: new Date(now()).toISOString(), note: text };
      const changed = { ...alert, ...(answer?.id === alert.id ? answer : {}), acknowledged };
      alertChanged(changed);
      toast(t("ack.done"));
      done(changed);
    },
  });
}

function enterSubmits(event) {
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

const SPANS = [
  ["1h", 3600],
  ["1d", 86400],
  ["1w", 604800],
  ["30d", 2592000],
  ["forever", 0],
];

/** Asks what to hide and how long, then mutes. */
export function mute(alert, done = () => {}) {
  if (!may()) return toast(t("account.readonly"));
  const source = alert.source?.ip;
  const target = alert.target?.ip;
  const box = (key, value, label, checked) =>
    value &&
    h("label", { class: "check" }, h("input", { type: "checkbox", name: key, value, checked }), h("span", {}, label));
  const until = h(
    "select",
    { name: "until" },
    SPANS.map(([id, s]) => h("option", { value: s, selected: id === "1w" }, t(`mute.${id}`))),
  );
  const content = [
    h("p", { class: "muted" }, t("mute.explain")),
    h(
      "fieldset",
      {},
      h("legend", {}, t("mute.what")),
      box("kind", alert.kind, [t("mute.kind"), " ", h("b", {}, kindTitle(alert.kind))], true),
      box("source", source, [t("mute.source"), " ", name(partyName(alert.source)), ` (${source})`], true),
      box("target", target, [t("mute.target"), " ", name(partyName(alert.target)), ` (${target})`], !source),
    ),
    field(t("mute.until"), until),
    field(t("mute.reason"), h("input", { name: "reason", maxlength: 500, autocomplete: "off", autofocus: true })),
  ];
  dialog(t("mute.title"), content, {
    submit: t("mute"),
    onsubmit: async (form) => {
      const seconds = Number(form.get("until"));
      const end = seconds ? new Date(Date.now() + seconds * 1000).toISOString() : null;
      const [kind, from, to] = ["kind", "source", "target"].map((key) => form.get(key));
      if (!kind && !from && !to) throw new Error(t("mute.nothing"));
      await post("/api/mutes", { kind, source: from, target: to, until: end, reason: form.get("reason").trim() });
      toast(t("mute.done"));
      document.dispatchEvent(new Event("muteschange"));
      done();
    },
  });
}

/** The mutes there are, each with how much it hid and a way to end it. */
export function muteList(view) {
  const el = h("div", { class: "mutes" });
  const load = async () => {
    try {
      const answer = await get("/api/mutes");
      const mutes = Array.isArray(answer) ? answer : (answer?.mutes ?? []);
      fill(
        el,
        mutes.length ? h("ul", { class: "plain-list" }, mutes.map(row)) : empty(t("mutes.none"), t("mutes.none.why")),
      );
    } catch (error) {
      fill(el, empty(t("error.load"), error.message));
    }
  };
  const row = (m) =>
    h(
      "li",
      { class: "mute" },
      h(
        "div",
        {},
        h(
          "p",
          {},
          m.kind ? h("b", {}, kindTitle(m.kind)) : t("mutes.any"),
          m.source && [` ${t("from")} `, h("code", {}, m.source)],
          m.target && [` ${t("towards")} `, h("code", {}, m.target)],
          m.port && ` ${t("port")} ${m.port}`,
        ),
        h(
          "p",
          { class: "muted" },
          [
            m.until ? t("mutes.until", { time: moment(m.until, now()) }) : t("mutes.forever"),
            t("mutes.hidden", { n: count(m.hidden) }),
            m.reason && `“${m.reason}”`,
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      h("button", { type: "button", "data-change": true, title: full(m.created), onclick: () => end(m) }, icon("close"), t("mutes.end")),
    );
  const end = async (m) => {
    try {
      await del(`/api/mutes/${m.id}`);
      toast(t("mutes.ended"));
    } catch (error) {
      toast(error.message, "bad");
    }
    load();
  };
  document.addEventListener("muteschange", load);
  view.cleanup(() => document.removeEventListener("muteschange", load));
  load();
  return el;
}
