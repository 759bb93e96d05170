// What can be done about alerts: acknowledge them, take that back, mute their like; and the mutes there are.

import { del, get, patch, post, query } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { count, full, moment } from "./format.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { coveredBy, isBroad, isProtected, mutePage, muteWords, scopes } from "./mute_scopes.js";
import { dialog, empty, field, sentenceOf, toast } from "./parts.js";
import { alertChanged, may, now } from "./state.js";

const noteField = () => {
  const note = h("textarea", { name: "note", rows: 2, maxlength: 500, autofocus: true, onkeydown: enterSubmits });
  return field(t("note"), note, t("note.hint"));
};

function enterSubmits(event) {
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

/** A toast that offers to take something back for a few seconds. */
function undoable(words, undo) {
  const el = toast(words);
  const button = h("button", { type: "button", class: "plain undo" }, t("undo"));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await undo();
      el?.remove();
      toast(t("undone"));
    } catch (error) {
      toast(error.message, "bad");
    }
  });
  el?.append(button);
}

/** Asks for a note, then acknowledges. `done` gets the alert as it is then. */
export function acknowledge(alert, done = () => {}) {
  if (!may()) return toast(t("account.readonly"));
  dialog(t("ack.title"), [h("p", { class: "quote" }, sentenceOf(alert)), noteField()], {
    submit: t("ack"),
    onsubmit: async (form) => {
      const text = form.get("note").trim();
      const answer = await post(`/api/alerts/${alert.id}/ack`, { note: text });
      const acknowledged = answer?.acknowledged ?? { time: new Date(now()).toISOString(), note: text };
      const changed = { ...alert, ...(answer?.id === alert.id ? answer : {}), acknowledged };
      alertChanged(changed);
      undoable(t("ack.done"), () => reopen(changed, done));
      done(changed);
    },
  });
}

/** Opens an acknowledged alert again. */
export async function reopen(alert, done = () => {}) {
  const open = await del(`/api/alerts/${alert.id}/ack`);
  const changed = open ?? { ...alert, acknowledged: undefined };
  alertChanged(changed);
  done(changed);
}

/** Asks for a note, then acknowledges all that `filter` (the fields of `POST /api/alerts/ack`) covers: `n` of them. */
export function acknowledgeMany(filter, n, done = () => {}) {
  if (!may()) return toast(t("account.readonly"));
  dialog(tn("ack.many", n), [h("p", { class: "muted" }, t("ack.many.why")), noteField()], {
    submit: t("ack"),
    onsubmit: async (form) => {
      const answer = await post("/api/alerts/ack", { ...filter, note: form.get("note").trim() });
      undoable(tn("ack.many.done", answer.acknowledged), async () => {
        await del(`/api/alerts/ack${query({ at: answer.time })}`);
        done();
      });
      done();
    },
  });
}

const SPANS = { "1h": 3600, "1d": 86400, "1w": 604800, "30d": 2592000, forever: 0 };

const untilSelect = (chosen, more) =>
  h(
    "select",
    { name: "until" },
    more,
    Object.keys(SPANS).map((id) => h("option", { value: id, selected: id === chosen }, t(`mute.${id}`))),
  );

// On the monitor's clock: this one may be wrong, and a replay has its own.
const endOf = (span) => (SPANS[span] ? new Date(now() + SPANS[span] * 1000).toISOString() : null);

/** Asks what to hide and how long, says what that means, then mutes. */
export function mute(alert, done = () => {}) {
  if (!may()) return toast(t("account.readonly"));
  const choices = scopes(alert);
  const radio = ({ id, label }, i) =>
    h("label", { class: "check" }, h("input", { type: "radio", name: "scope", value: id, checked: i === 0, autofocus: i === 0 }), h("bdi", {}, label));
  const until = untilSelect("1w");
  const says = h("p", { class: "says", role: "status" });
  const before = h("p", { class: "muted", role: "status" });
  const loud = h("p", { class: "loud" });
  const content = [
    h("p", { class: "quote" }, sentenceOf(alert)),
    h("fieldset", {}, h("legend", {}, t("mute.what")), choices.map(radio)),
    field(t("mute.until"), until),
    field(t("mute.reason"), h("input", { name: "reason", maxlength: 500, autocomplete: "off" })),
    h("div", { class: "means" }, says, before, loud),
  ];
  const el = dialog(t("mute.title"), content, {
    submit: t("mute"),
    onsubmit: async (form) => {
      const made = await post("/api/mutes", { ...chosen(form).mute, until: endOf(form.get("until")), reason: form.get("reason").trim() });
      document.dispatchEvent(new Event("muteschange"));
      undoable(t("mute.done"), async () => {
        await del(`/api/mutes/${made.id}`);
        document.dispatchEvent(new Event("muteschange"));
      });
      done();
    },
  });
  const form = el.querySelector("form");
  form.addEventListener("change", explain);
  explain();
  return el;

  function chosen(data) {
    return choices.find((c) => c.id === data.get("scope")) ?? choices[0];
  }

  async function explain() {
    const data = new FormData(form);
    const { id, mute: wanted } = chosen(data);
    setText(says, t("mute.says", { what: muteWords(wanted), span: t(`mute.says.${data.get("until")}`) }));
    const broad = isBroad(wanted);
    setText(loud, broad ? t(isProtected(alert) ? "mute.loud.this" : "mute.loud") : "");
    loud.hidden = !broad;
    try {
      const total = await hiddenLately(wanted);
      if (chosen(new FormData(form)).id === id) setText(before, tn("mute.before", total));
    } catch (error) {
      setText(before, error.message);
    }
  }
}

/** How many alerts of the last seven days a mute would have hidden. */
async function hiddenLately(wanted) {
  const since = new Date(now() - 604_800_000).toISOString();
  const answer = await get(`/api/alerts${query({ q: coveredBy(wanted), since, limit: 1 })}`);
  return answer.total;
}

/** The mutes there are, each with how much it hid, a way to renew it and a way to end it. */
export function muteList(view) {
  const el = h("div", { class: "mutes" });
  const load = async () => {
    try {
      const { mutes } = await get("/api/mutes");
      const rows = h("ul", { class: "plain-list" }, mutes.map(row));
      fill(el, mutes.length ? rows : empty(t("mutes.none"), t("mutes.none.why")));
    } catch (error) {
      fill(el, empty(t("error.load"), error.message));
    }
  };
  const row = (m) => {
    const over = m.until && Date.parse(m.until) <= now();
    const lasts = m.until ? t(over ? "mutes.over" : "mutes.until", { time: moment(m.until, now()) }) : t("mutes.forever");
    const facts = [lasts, t("mutes.hidden", { n: count(m.hidden) }), m.reason && `“${m.reason}”`];
    const item = h(
      "li",
      { class: over ? "mute over" : "mute" },
      h(
        "div",
        {},
        h("p", {}, h("a", { href: mutePage(m) }, h("bdi", {}, muteWords(m)))),
        h("p", { class: "muted", title: full(m.created) }, facts.filter(Boolean).join(" · ")),
      ),
      h(
        "div",
        { class: "actions", "data-change": true },
        h("button", { type: "button", onclick: () => edit(m, item) }, t("mutes.edit")),
        h("button", { type: "button", onclick: () => end(m) }, icon("close"), t("mutes.end")),
      ),
    );
    return item;
  };
  const edit = (m, item) => {
    const until = untilSelect("", h("option", { value: "", selected: true }, t("mutes.keep")));
    const reason = h("input", { name: "reason", maxlength: 500, value: m.reason, autocomplete: "off" });
    const save = async () => {
      const change = { reason: reason.value.trim() };
      if (until.value) change.until = endOf(until.value);
      try {
        await patch(`/api/mutes/${m.id}`, change);
        load();
      } catch (error) {
        toast(error.message, "bad");
      }
    };
    const buttons = [
      h("button", { type: "button", class: "primary", onclick: save }, t("save")),
      h("button", { type: "button", onclick: load }, t("cancel")),
    ];
    fill(item, h("div", { class: "mute-edit" }, h("bdi", {}, muteWords(m)), field(t("mute.until"), until), field(t("mute.reason"), reason), h("div", { class: "actions" }, buttons)));
    until.focus();
  };
  const end = async (m) => {
    try {
      await del(`/api/mutes/${m.id}`);
      undoable(t("mutes.ended"), async () => {
        const { kind, source, target, port, until, reason } = m;
        await post("/api/mutes", { kind, source, target, port, until, reason });
        load();
      });
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
