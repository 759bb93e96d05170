// One row of the alert list: an incident with its severity, sentence, parties, times and curve.

import { acknowledge, mute } from "./actions.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { count, full, moment } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { badge, parties, partyAddress, sentenceOf, setWhen, when } from "./parts.js";
import { sparkline } from "./sparkline.js";
import { now } from "./state.js";

/** `open(id)` opens it, `pick(id, on, range)` selects it, `done(alert)` is told of changes. */
export function alertRow(alert, { open, pick, done }) {
  const sentence = h("a", {
    href: `/alerts?id=${alert.id}&state=all`,
    class: "summary name",
    "data-focus": true,
    onclick: (e) => {
      if (e.metaKey || e.ctrlKey || e.shiftKey || e.button) return;
      e.preventDefault();
      open(alert.id);
    },
  });
  const box = h("input", {
    type: "checkbox",
    "data-key": "x",
    "aria-label": t("select.row"),
    onclick: (e) => pick(alert.id, box.checked, e.shiftKey),
  });
  const sev = h("div", { class: "sev" });
  const kind = h("span", { class: "kind" });
  const who = h("span", { class: "who" });
  const curve = h("div", { class: "curve" });
  const times = h("span", { class: "times" });
  const stamp = when(alert.last_time);
  const acked = h("span", { class: "acked", hidden: true }, icon("check"), t("state.acknowledged"));
  const tool = (key, sign, label, act) =>
    h("button", { type: "button", class: "plain", "data-key": key, title: `${label} ( ${key} )`, "aria-label": label, onclick: act }, icon(sign));
  const ack = tool("e", "check", t("ack"), () => acknowledge(row._alert, done));
  const hush = tool("m", "mute", t("mute"), () => mute(row._alert));
  const row = h(
    "div",
    { class: "row", role: "listitem", "data-row": true },
    h("label", { class: "pick", "data-change": true }, box),
    sev,
    h("div", { class: "body" }, sentence, h("small", {}, kind, who, acked)),
    curve,
    h("div", { class: "right" }, stamp, times),
    h("div", { class: "row-tools", "data-change": true }, ack, hush),
  );
  row._pick = (on) => {
    box.checked = on;
    row.classList.toggle("picked", on);
  };
  row._set = (a) => {
    const grew = row._alert?.count !== a.count || !row._alert;
    row._alert = a;
    if (sev.dataset.s !== a.severity) fill(sev, badge((sev.dataset.s = a.severity)));
    setText(sentence, sentenceOf(a));
    setText(kind, kindTitle(a.kind));
    fill(who, parties(a));
    setAttr(who, "title", [partyAddress(a.source), partyAddress(a.target)].filter(Boolean).join(" → "));
    if (grew) fill(curve, sparkline(a.history));
    const first = t("row.since", { time: moment(a.time, now()) });
    setText(times, a.count > 1 ? `${count(a.count)}× ${first}` : "");
    setAttr(times, "title", full(a.time));
    setWhen(stamp, a.last_time);
    acked.hidden = !a.acknowledged;
    ack.hidden = Boolean(a.acknowledged);
    row.classList.toggle("old", Boolean(a.acknowledged));
  };
  row._set(alert);
  return row;
}
