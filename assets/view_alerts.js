// The alert inbox: a filter in the address bar, a list of any length, many at once, and one in full beside it.

import { acknowledgeMany, muteList } from "./actions.js";
import { alertDetail } from "./alert_detail.js";
import { longList } from "./alert_list.js";
import { alertRow } from "./alert_row.js";
import { get } from "./api.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { count, duration } from "./format.js";
import { apiQuery, isNarrow, pageQuery, queryText, readFilter, timeWords } from "./filter.js";
import { filterBar } from "./filter_bar.js";
import { t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { loadKinds, loadTexts } from "./kinds.js";
import { dialog, empty } from "./parts.js";
import { selection } from "./selection.js";
import { state } from "./state.js";

const PAGE = 100;
/** What a download holds at most. */
const DOWNLOAD = 10_000;

export function alertsView(view) {
  const filter = readFilter(view.params);
  const fresh = new Map();
  const unasked = new Set();
  let cursor = null;
  let total = 0;
  let selected = Number(view.params.get("id")) || null;
  let asked = 0;
  let asking = 0;

  const list = longList((alert) => {
    const row = alertRow(alert, { open, pick: chosen.pick, done: (changedTo) => arrived(changedTo, false) });
    row._pick(chosen.has(alert.id));
    setAttr(row, "aria-current", alert.id === selected ? "true" : null);
    return row;
  });
  const chosen = selection(list, { all: () => total, acknowledge: acknowledgeChosen });
  const bar = filterBar(filter, changed);
  const status = h("p", { class: "muted total", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => load(true) }, t("load more"));
  const news = h("button", { type: "button", class: "primary news", hidden: true, onclick: showFresh });
  const hole = h("div", { hidden: true });
  const side = h("aside", { class: "detail", "aria-label": t("alert.detail"), hidden: true });
  const downloads = ["csv", "json"].map((format) =>
    h("a", { class: "button", download: `alerts.${format}` }, icon("download"), format.toUpperCase()),
  );
  const element = h(
    "div",
    { class: "page alerts-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, t("nav.alerts")),
      status,
      h("div", { class: "downloads", role: "group", "aria-label": t("export.all") }, downloads),
      h("button", { type: "button", onclick: () => showMutes(view) }, icon("mute"), t("mutes")),
    ),
    bar.element,
    h(
      "div",
      { class: "split" },
      h("div", { class: "card flush" }, chosen.element, h("div", { class: "news-line" }, news), list.element, hole, h("div", { class: "after" }, more)),
      side,
    ),
  );

  const nearEnd = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && !more.hidden && load(true), {
    rootMargin: "1200px 0px",
  });
  nearEnd.observe(more.parentElement);
  address();
  load();
  if (selected) open(selected);
  view.on("alert", ({ alert, raised }) => arrived(alert, raised));
  view.on("resumed", () => load());
  view.cleanup(() => {
    nearEnd.disconnect();
    list.end();
    clearTimeout(asking);
    document.documentElement.toggleAttribute("data-detail", false);
  });
  loadKinds().then(() => {
    bar.draw();
    list.drawn().forEach((row) => row._set(row._alert));
  });
  if (state.devices.size < 25) loadDevices(bar);
  return element;

  /** Settled changes can be gone back from, those while typing cannot. */
  function changed(settled) {
    const wanted = `/alerts${pageQuery(filter, selected)}`;
    if (settled && wanted !== `/alerts${location.search}`) view.go(wanted, { stay: true });
    else address();
    chosen.clear();
    load();
  }

  function address() {
    view.go(`/alerts${pageQuery(filter, selected)}`, { replace: true, stay: true });
    downloads.forEach((a, i) => setAttr(a, "href", `/api/alerts${apiQuery(filter, { format: ["csv", "json"][i] })}`));
  }

  async function load(append = false) {
    if (append && (more.disabled || !cursor)) return;
    const mine = ++asked;
    more.disabled = true;
    try {
      // After a change elsewhere as much is asked again as was there.
      const limit = append ? PAGE : Math.min(500, Math.max(PAGE, list.size()));
      const answer = await get(`/api/alerts${apiQuery(filter, { limit, cursor: append ? cursor : "" })}`);
      if (mine !== asked) return;
      if (!append) reset();
      bar.tell("");
      cursor = answer.next_cursor ?? null;
      total = answer.total;
      list.append(answer.alerts.filter((alert) => !list.get(alert.id)));
      show();
    } catch (error) {
      if (mine === asked) failed(error);
    } finally {
      if (mine === asked) more.disabled = false;
    }
  }

  function failed(error) {
    // What is not understood is told at the bar; the list stays as it was.
    if (error.status === 400) return bar.tell(error.message.replace(/^q: /, ""));
    hole.hidden = false;
    fill(hole, empty(t("error.load"), error.message, h("button", { type: "button", onclick: () => load() }, t("retry"))));
  }

  function reset() {
    list.clear();
    fresh.clear();
    news.hidden = true;
  }

  function show() {
    more.hidden = !cursor;
    hole.hidden = list.size() > 0;
    list.element.hidden = !list.size();
    const time = timeWords(filter);
    setText(status, [tn("alerts.total", total), time].filter(Boolean).join(" · "));
    for (const a of downloads) setAttr(a, "title", total > DOWNLOAD ? t("export.cut", { n: count(DOWNLOAD) }) : t("export.all"));
    chosen.draw();
    if (!list.size()) fill(hole, nothing(filter, clearFilter, showAll));
  }

  function clearFilter() {
    Object.assign(filter, { terms: [], typed: "", range: "", since: "", until: "" });
    bar.draw();
    changed(true);
  }

  function showAll() {
    filter.state = "all";
    bar.draw();
    changed(true);
  }

  // Raised, grown or acknowledged: in place when shown. What is new is asked for, since only the server knows whether it
  // matches, and waits above while somebody reads.
  function arrived(alert, raised) {
    if (list.get(alert.id)) {
      const gone = filter.state === "open" ? alert.acknowledged : filter.state === "acknowledged" && !alert.acknowledged;
      if (gone) leave(alert.id);
      else list.update(alert);
    } else if (raised) {
      unasked.add(alert.id);
      clearTimeout(asking);
      asking = setTimeout(askFresh, 200);
    }
    if (alert.id === selected && side._alert) showDetail(alert);
  }

  async function askFresh() {
    const ids = [...unasked].slice(-500);
    unasked.clear();
    try {
      const answer = await get(`/api/alerts${apiQuery(filter, { limit: 500 }, `id:${ids.join(",")}`)}`);
      for (const alert of answer.alerts) if (!list.get(alert.id)) fresh.set(alert.id, alert);
    } catch {
      return; // the next list has them
    }
    if (!fresh.size) return;
    if (!isRead()) return showFresh();
    setText(news, tn("alerts.new", fresh.size));
    news.hidden = false;
  }

  function isRead() {
    const pointed = element.contains(document.activeElement) || list.element.matches(":hover");
    return scrollY > 40 || !side.hidden || chosen.size() > 0 || pointed;
  }

  function showFresh() {
    const clicked = !news.hidden;
    list.prepend([...fresh.values()].sort((a, b) => b.id - a.id));
    total += fresh.size;
    fresh.clear();
    news.hidden = true;
    show();
    if (clicked) {
      element.scrollIntoView({ block: "start" });
      list.drawn()[0]?.querySelector("[data-focus]").focus();
    }
  }

  function leave(id) {
    const row = list.row(id);
    const items = list.items();
    const at = items.findIndex((item) => item.id === id);
    const next = items[at + 1] ?? items[at - 1];
    const ours = row.contains(document.activeElement) || document.querySelector("dialog[open]");
    list.remove(id);
    chosen.forget(id);
    total -= 1;
    show();
    // The dialog that caused it gives the focus back to a row that is gone: the next one takes it.
    if (ours && next) setTimeout(() => list.row(next.id)?.querySelector("[data-focus]").focus(), 30);
  }

  function acknowledgeChosen(ids, all) {
    // All that match now: what arrives while the note is written is not acknowledged unseen.
    const upTo = Math.max(0, ...list.items().map((alert) => alert.id));
    const { since, until } = Object.fromEntries(new URLSearchParams(apiQuery(filter)));
    const covered = all
      ? { q: `${queryText(filter)} id:<=${upTo}`, state: filter.state === "all" ? "" : filter.state, since, until }
      : { q: `id:${ids.join(",")}` };
    acknowledgeMany(covered, all ? total : ids.length, () => {
      chosen.clear();
      load();
    });
  }

  async function open(id) {
    selected = id;
    address();
    for (const row of list.drawn()) setAttr(row, "aria-current", row._alert.id === id ? "true" : null);
    side.hidden = false;
    document.documentElement.toggleAttribute("data-detail", true);
    const known = list.get(id) ?? state.open.get(id);
    if (known) showDetail(known);
    try {
      const [alert] = await Promise.all([list.get(id) ?? state.open.get(id) ?? get(`/api/alerts/${id}`), loadTexts()]);
      if (selected === id) showDetail(alert);
    } catch (error) {
      const back = h("button", { type: "button", "data-close": true, onclick: close }, t("close"));
      if (selected === id) fill(side, h("header", {}, back), empty(t("error.load"), error.message));
    }
    if (selected === id) side.scrollTop = 0;
  }

  function showDetail(alert) {
    // The same alert grown: the reader stays where they are.
    const [at, focus] = [side.scrollTop, side.contains(document.activeElement) && document.activeElement.dataset.key];
    const same = side._alert?.id === alert.id;
    side._alert = alert;
    fill(side, alertDetail(alert, { close, changed: (a) => arrived(a, false), step }));
    side.scrollTop = same ? at : 0;
    if (focus) side.querySelector(`[data-key="${focus}"]`)?.focus();
  }

  function step(by) {
    const items = list.items();
    const at = items.findIndex((alert) => alert.id === selected);
    const next = items[at < 0 ? 0 : at + by];
    if (!next) return;
    open(next.id);
    list.row(next.id)?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    const row = selected && list.row(selected);
    selected = null;
    side._alert = null;
    side.hidden = true;
    document.documentElement.toggleAttribute("data-detail", false);
    if (row) setAttr(row, "aria-current", null);
    address();
    row?.querySelector("[data-focus]").focus();
  }
}

async function loadDevices(bar) {
  try {
    const answer = await get("/api/devices");
    for (const device of answer.devices) state.devices.set(device.id, device);
    bar.draw();
  } catch {
    /* chips then show addresses */
  }
}

function nothing(filter, clear, showAll) {
  const button = (act, words) => h("button", { type: "button", onclick: act }, words);
  if (isNarrow(filter)) return empty(t("alerts.nomatch"), t("alerts.nomatch.why"), button(clear, t("filter.clear")));
  if (filter.state === "open") return empty(t("alerts.none"), t("alerts.none.open"), button(showAll, t("alerts.showall")));
  return empty(t("alerts.never"), t("alerts.none.why", { time: duration(state.snapshot?.monitor?.uptime_seconds) }));
}

function showMutes(view) {
  const el = dialog(t("mutes"), [h("p", { class: "muted" }, t("mutes.explain")), muteList(view)]);
  el.addEventListener("click", (event) => event.target.closest("a") && el.close());
}
