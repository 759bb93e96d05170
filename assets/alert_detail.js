// One alert in full: who, whom, the numbers against their limits, what it means and what to do.

import { acknowledge, mute, reopen } from "./actions.js";
import { evidence } from "./alert_evidence.js";
import { around, bothParties } from "./alert_parties.js";
import { h } from "./dom.js";
import { full, moment } from "./format.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { kind, kindTitle } from "./kinds.js";
import { badge, sentenceOf, summaryOf, toast, when } from "./parts.js";
import { historyChart } from "./sparkline.js";
import { now } from "./state.js";
import { techniqueHref, techniqueName } from "./techniques.js";

const TEXTS = ["what", "why", "harmless", "todo", "silence"];

/** The panel's content. `changed(alert)` is called after an acknowledgement, `step(by)` goes to the next one. */
export function alertDetail(alert, { close, changed, step }) {
  const about = kind(alert.kind);
  const next = (key, by, sign) =>
    h("button", { class: "plain", type: "button", "data-key": key, "aria-label": t(by > 0 ? "alert.next" : "alert.previous"), title: `${t(by > 0 ? "alert.next" : "alert.previous")} ( ${key} )`, onclick: () => step(by) }, icon(sign));
  return [
    h(
      "header",
      {},
      badge(alert.severity),
      h("span", { class: "kind" }, kindTitle(alert.kind)),
      next("k", -1, "up"),
      next("j", 1, "down"),
      h("button", { class: "plain", type: "button", "data-close": true, "aria-label": t("close"), onclick: close }, icon("close")),
    ),
    h("h2", { class: "name", title: summaryOf(alert) }, sentenceOf(alert)),
    h(
      "p",
      { class: "muted" },
      t("first seen"),
      " ",
      h("span", { title: full(alert.time) }, moment(alert.time, now())),
      " · ",
      t("last seen"),
      " ",
      when(alert.last_time),
      " · ",
      tn("times", alert.count),
    ),
    alert.acknowledged ? acknowledged(alert, changed) : null,
    actions(alert, changed),
    about?.todo && h("section", { class: "todo" }, h("h3", {}, t("kind.todo")), h("p", {}, about.todo)),
    bothParties(alert),
    historyChart(alert),
    evidence(alert, about),
    around(alert),
    about &&
      TEXTS.filter((key) => key !== "todo" && about[key]).map((key) =>
        h("section", {}, h("h3", {}, t(`kind.${key}`)), h("p", {}, about[key])),
      ),
    alert.mitre?.length ? techniques(alert.mitre) : null,
    h(
      "p",
      { class: "muted fine" },
      `${t("alert")} ${alert.id} · `,
      h("a", { href: `/alerts?state=all&q=kind:${encodeURIComponent(alert.kind)}` }, t("all of kind")),
    ),
  ];
}

function actions(alert, changed) {
  const button = (key, sign, words, onclick, more = {}) => h("button", { type: "button", "data-key": key, onclick, ...more }, icon(sign), words);
  return h(
    "div",
    { class: "actions" },
    !alert.acknowledged &&
      button("e", "check", t("ack"), () => acknowledge(alert, changed), { class: "primary", "data-change": true }),
    button("m", "mute", t("mute"), () => mute(alert), { "data-change": true }),
    button(null, "link", null, () => copyLink(alert), named(t("copy.link"))),
    h(
      "a",
      { class: "button", href: `/api/alerts?q=id:${alert.id}&format=json`, download: `alert-${alert.id}.json`, ...named(t("alert.download")) },
      icon("download"),
    ),
  );
}

// Buttons that are a sign alone.
const named = (words) => ({ title: words, "aria-label": words });

async function copyLink(alert) {
  const link = new URL(`alerts?state=all&id=${alert.id}`, document.baseURI).href;
  try {
    await navigator.clipboard.writeText(link);
    toast(t("copied"));
  } catch {
    // Without HTTPS a page may not write there: the words to copy by hand.
    toast(link);
  }
}

function acknowledged(alert, changed) {
  const { time, note, by } = alert.acknowledged;
  const again = async () => {
    try {
      await reopen(alert, changed);
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return h(
    "p",
    { class: "ack" },
    icon("check"),
    h("span", {}, t(by ? "ack.at.by" : "ack.at", { time: moment(time, now()), by }), note && h("q", { class: "name" }, note)),
    h("button", { type: "button", class: "plain", "data-change": true, onclick: again }, t("reopen")),
  );
}

function techniques(ids) {
  const words = (id) => [h("b", {}, id), techniqueName(id) && h("span", { lang: "en" }, ` ${techniqueName(id)}`)];
  const link = (id) => {
    const href = techniqueHref(id);
    return href
      ? h("a", { class: "tag", href, target: "_blank", rel: "noopener noreferrer" }, words(id))
      : h("span", { class: "tag" }, id);
  };
  return h("section", {}, h("h3", {}, t("mitre")), h("p", { class: "tags" }, ids.map(link)));
}
