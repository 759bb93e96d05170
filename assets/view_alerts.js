// The alert list with its filters in the address bar, and one alert in full beside it.

import { acknowledge, mute, muteList } from "./actions.js";
import { alertDetail } from "./alert_detail.js";
import { get, query } from "./api.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { count, duration } from "./format.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { kindTitle, loadKinds } from "./kinds.js";
import { badge, dialog, empty, parties, partyAddress, sentenceOf, setWhen, when } from "./parts.js";
import { SEVERITIES, state } from "./state.js";

const PAGE = 50;

export function alertsView(view) {
  const filter = readFilter(view.params);
  const rows = new Map();
  let cursor = null;
  let total = 0;
  let selected = Number(view.params.get("id")) || null;
  let asked = 0;

  const list = h("ul", { class: "rows alert-list" });
  const status = h("p", { class: "muted total", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => load(true) }, t("load more"));
  const hole = h("div", { hidden: true });
  const side = h("aside", { class: "detail", "aria-label": t("alert.detail"), hidden: true });
  const element = h(
    "div",
    { class: "page alerts-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, t("nav.alerts")),
      status,
      h(
        "a",
        {
          class: "button",
          href: `/api/alerts${query({ ...askedFor(filter), format: "csv" })}`,
          download: "alerts.csv",
        },
        t("export"),
      ),
      h("button", { type: "button", onclick: () => showMutes(view) }, icon("mute"), t("mutes")),
    ),
    filters(filter, changed),
    h(
      "div",
      { class: "split" },
      h("div", { class: "card flush" }, list, hole, h("div", { class: "after" }, more)),
      side,
    ),
  );
  const csv = element.querySelector("a[download]");

  load();
  if (selected) open(selected);
  view.on("alert", ({ alert, raised }) => arrived(alert, raised));
  view.on("resumed", () => load());
  view.cleanup(() => document.documentElement.toggleAttribute("data-detail", false));
  loadKinds().then(() => rows.forEach((r) => r._set(r._alert)));
  return element;

  function changed() {
    remember();
    csv.href = `/api/alerts${query({ ...askedFor(filter), format: "csv" })}`;
    load();
  }

  function remember() {
    const { q, severity, state: which, source, target, kind } = filter;
    const shownState = which === "open" ? "" : which;
    const search = query({ severity, state: shownState, q, source, target, kind, id: selected });
    history.replaceState(null, "", `/alerts${search}`);
  }

  async function load(append = false) {
    const mine = ++asked;
    more.disabled = true;
    try {
      const answer = await get(
        `/api/alerts${query({ ...askedFor(filter), limit: PAGE, cursor: append ? cursor : "" })}`,
      );
      if (mine !== asked) return;
      if (!append) clear();
      cursor = answer.next_cursor ?? null;
      total = answer.total ?? answer.alerts.length;
      for (const alert of answer.alerts) put(alert, false);
      show();
    } catch (error) {
      if (mine !== asked) return;
      hole.hidden = false;
      fill(
        hole,
        empty(t("error.load"), error.message, h("button", { type: "button", onclick: () => load() }, t("retry"))),
      );
    } finally {
      more.disabled = false;
    }
  }

  function clear() {
    rows.clear();
    fill(list);
  }

  function show() {
    more.hidden = !cursor;
    hole.hidden = rows.size > 0;
    list.hidden = !rows.size;
    setText(status, tn("alerts.total", total));
    if (!rows.size) fill(hole, nothing(filter, reset));
  }

  function reset(to) {
    Object.assign(filter, to);
    view.go(`/alerts${query({ state: filter.state === "open" ? "" : filter.state })}`, { replace: true });
  }

  function put(alert, first) {
    let row = rows.get(alert.id);
    if (!row) {
      row = makeRow(alert, open, (changedTo) => arrived(changedTo, false));
      rows.set(alert.id, row);
      if (first) list.prepend(row);
      else list.append(row);
    }
    row._set(alert);
    setAttr(row, "aria-current", alert.id === selected ? "true" : null);
  }

  // Raised, grown or acknowledged: in place when shown, on top when it fits the filter.
  function arrived(alert, raised) {
    const fits = matches(alert, filter);
    const row = rows.get(alert.id);
    if (row && !fits) leave(row, alert);
    else if (row) put(alert, false);
    else if (fits && raised) {
      total += 1;
      put(alert, true);
      show();
    }
    if (alert.id === selected && side._alert) fill(side, detail(alert));
  }

  function leave(row, alert) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const ours = row.contains(document.activeElement) || document.querySelector("dialog[open]");
    rows.delete(alert.id);
    row.remove();
    total -= 1;
    show();
    // The dialog that caused it gives the focus back to a row that is gone: the next one takes it.
    if (ours) setTimeout(() => next?.querySelector("[data-focus]").focus(), 30);
  }

  async function open(id) {
    selected = id;
    remember();
    for (const [key, row] of rows) setAttr(row, "aria-current", key === id ? "true" : null);
    side.hidden = false;
    document.documentElement.toggleAttribute("data-detail", true);
    const known = rows.get(id)?._alert ?? state.open.get(id);
    if (known) fill(side, detail(known));
    await loadKinds();
    try {
      const alert = known ?? (await get(`/api/alerts/${id}`));
      if (selected === id) fill(side, detail(alert));
    } catch (error) {
      if (selected === id)
        fill(
          side,
          empty(t("error.load"), error.message, h("button", { type: "button", onclick: close }, t("close"))),
        );
    }
    if (selected === id) side.scrollTop = 0;
  }

  function detail(alert) {
    side._alert = alert;
    return alertDetail(alert, { close, changed: (a) => arrived(a, false) });
  }

  function close() {
    const row = rows.get(selected);
    selected = null;
    side._alert = null;
    side.hidden = true;
    document.documentElement.toggleAttribute("data-detail", false);
    setAttr(row ?? list, "aria-current", null);
    remember();
    row?.querySelector("[data-focus]").focus();
  }
}

function readFilter(params) {
  const of = (key) => params.get(key) ?? "";
  const which = of("state");
  return {
    severity: SEVERITIES.includes(of("severity")) ? of("severity") : "",
    state: ["all", "acknowledged"].includes(which) ? which : "open",
    q: of("q"),
    source: of("source"),
    target: of("target"),
    kind: of("kind"),
  };
}

const askedFor = ({ state: which, ...rest }) => ({ ...rest, state: which === "all" ? "" : which });

function matches(alert, { severity, state: which, q, source, target, kind }) {
  if (severity && alert.severity !== severity) return false;
  if (which === "open" && alert.acknowledged) return false;
  if (which === "acknowledged" && !alert.acknowledged) return false;
  if (kind && alert.kind !== kind) return false;
  if (source && alert.source?.ip !== source) return false;
  if (target && alert.target?.ip !== target) return false;
  return !q || JSON.stringify(alert).toLowerCase().includes(q.toLowerCase());
}

function filters(filter, changed) {
  let timer = 0;
  const text = h("input", {
    type: "search",
    value: filter.q,
    placeholder: t("alerts.search"),
    "aria-label": t("alerts.search"),
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        filter.q = text.value.trim();
        changed();
      }, 250);
    },
  });
  const segments = (label, values, key, words) => {
    const buttons = values.map((v) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(filter[key] === v),
          onclick: () => {
            filter[key] = v;
            buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(values[i] === v)));
            changed();
          },
        },
        words(v),
      ),
    );
    return h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
  };
  const pinned = ["kind", "source", "target"]
    .filter((key) => filter[key])
    .map((key) => {
      const el = h(
        "button",
        {
          type: "button",
          class: "pin",
          title: t("filter.remove"),
          onclick: () => {
            filter[key] = "";
            el.remove();
            changed();
          },
        },
        `${t(`filter.${key}`)}: ${key === "kind" ? kindTitle(filter[key]) : filter[key]}`,
        icon("close"),
      );
      return el;
    });
  return h(
    "div",
    { class: "filters" },
    text,
    segments(t("severity"), ["", ...SEVERITIES], "severity", (s) => t(s ? `severity.${s}` : "all")),
    segments(t("state"), ["open", "acknowledged", "all"], "state", (s) => t(`state.${s}`)),
    pinned,
  );
}

function nothing(filter, reset) {
  const narrowed = filter.q || filter.severity || filter.kind || filter.source || filter.target;
  const button = (to, words) => h("button", { type: "button", onclick: () => reset(to) }, words);
  if (narrowed) return empty(t("alerts.nomatch"), t("alerts.nomatch.why"), button({}, t("filter.clear")));
  if (filter.state === "open")
    return empty(t("alerts.none"), t("alerts.none.open"), button({ state: "all" }, t("alerts.showall")));
  return empty(t("alerts.never"), t("alerts.none.why", { time: duration(state.snapshot?.monitor?.uptime_seconds) }));
}

function makeRow(alert, open, done) {
  const sentence = h("a", {
    href: `/alerts?id=${alert.id}`,
    class: "summary name",
    "data-focus": true,
    onclick: (e) => {
      if (e.metaKey || e.ctrlKey || e.shiftKey || e.button) return;
      e.preventDefault();
      open(alert.id);
    },
  });
  const [sev, kind, who, times] = [
    h("div", { class: "sev" }),
    h("span", { class: "kind" }),
    h("span", { class: "who" }),
    h("span", { class: "times" }),
  ];
  const stamp = when(alert.last_time);
  const acked = h("span", { class: "acked", hidden: true }, icon("check"), t("state.acknowledged"));
  const ack = h(
    "button",
    {
      type: "button",
      class: "plain",
      "data-key": "e",
      "data-change": true,
      title: `${t("ack")} ( e )`,
      "aria-label": t("ack"),
      onclick: () => acknowledge(row._alert, done),
    },
    icon("check"),
  );
  const hush = h(
    "button",
    {
      type: "button",
      class: "plain",
      "data-key": "m",
      "data-change": true,
      title: `${t("mute")} ( m )`,
      "aria-label": t("mute"),
      onclick: () => mute(row._alert),
    },
    icon("mute"),
  );
  const row = h(
    "li",
    { class: "row", "data-row": true },
    sev,
    h("div", { class: "body" }, sentence, h("small", {}, kind, who, acked)),
    h("div", { class: "right" }, stamp, times),
    h("div", { class: "row-tools" }, ack, hush),
  );
  row._set = (a) => {
    row._alert = a;
    if (sev.dataset.s !== a.severity) fill(sev, badge((sev.dataset.s = a.severity)));
    setText(sentence, sentenceOf(a));
    setText(kind, kindTitle(a.kind));
    fill(who, parties(a));
    setAttr(who, "title", [partyAddress(a.source), partyAddress(a.target)].filter(Boolean).join(" → "));
    setText(times, a.count > 1 ? `${count(a.count)}×` : "");
    setWhen(stamp, a.last_time);
    acked.hidden = !a.acknowledged;
    ack.hidden = Boolean(a.acknowledged);
    row.classList.toggle("old", Boolean(a.acknowledged));
  };
  return row;
}

function showMutes(view) {
  dialog(t("mutes"), [h("p", { class: "muted" }, t("mutes.explain")), muteList(view)]);
}
