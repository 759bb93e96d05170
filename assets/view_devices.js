// The inventory: every device, searchable and sortable. Rows are made as they are scrolled to, so that thousands
// stay smooth.

import { get, patch, query } from "./api.js";
import { below } from "./base.js";
import { IS, deviceFilter } from "./device_filter.js";
import { fill, h, setAttr, setText } from "./dom.js";
import { bytes, count, full, moment } from "./format.js";
import { said, t, tn } from "./i18n.js";
import { icon } from "./icons.js";
import { empty, setWhen, toast, when, word } from "./parts.js";
import { deviceChanged, may, now, state, unknownStandsOut } from "./state.js";

const CHUNK = 100;

const today = (d) => d.bytes_in_today + d.bytes_out_today;
// One collator for all: `localeCompare` makes its own at every call, a second for ten thousand devices.
const text = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

// id, header, order; `down` sorts largest first at the first click.
const COLUMNS = [
  { id: "name", order: (a, b) => text(a.label, b.label) },
  { id: "vendor", order: (a, b) => text(a.vendor ?? "\uffff", b.vendor ?? "\uffff") },
  { id: "address", order: (a, b) => text(a.ips[0] ?? "\uffff", b.ips[0] ?? "\uffff") },
  { id: "kind", order: (a, b) => text(a.kind, b.kind) },
  { id: "first", order: (a, b) => Date.parse(a.first_seen) - Date.parse(b.first_seen), down: true },
  {
    id: "last",
    order: (a, b) => a.online - b.online || Date.parse(a.last_seen) - Date.parse(b.last_seen),
    down: true,
  },
  { id: "today", order: (a, b) => today(a) - today(b), down: true },
  { id: "risk", order: (a, b) => (a.risk ?? 0) - (b.risk ?? 0), down: true },
];
const KIND = /(^|\s)kind:(\S+)/;
const SHOWS = { all: () => true, ...IS };

export function devicesView(view) {
  const want = {
    q: view.params.get("q") ?? "",
    show: Object.hasOwn(SHOWS, view.params.get("show")) ? view.params.get("show") : "all",
    sort: COLUMNS.find((c) => c.id === view.params.get("sort")) ?? COLUMNS[5],
    down: true,
  };
  want.down = view.params.has("dir") ? view.params.get("dir") === "down" : Boolean(want.sort.down);
  const rows = new Map();
  let sorted = [];
  let loaded = false;

  const status = h("p", { class: "muted total", role: "status" });
  const heads = COLUMNS.map((c) =>
    h(
      "th",
      { scope: "col", role: "columnheader", class: c.id },
      h("button", { type: "button", onclick: () => sortBy(c) }, t(`device.${c.id}`)),
    ),
  );
  const body = h("tbody", { role: "rowgroup" });
  const hole = h("div", { hidden: true });
  const end = h("div", { class: "sentinel" });
  const search = h("input", {
    type: "search",
    value: want.q,
    placeholder: t("devices.search"),
    "aria-label": t("devices.search.label"),
    title: t("devices.search.hint"),
    oninput: () => {
      want.q = search.value.trim();
      arrange();
    },
  });
  // A choice of kind is a token like one that was typed.
  const kinds = h("select", {
    "aria-label": t("device.kind"),
    onchange: () => {
      const others = want.q.replace(KIND, "").trim();
      want.q = kinds.value ? `${others} kind:${kinds.value}`.trim() : others;
      search.value = want.q;
      arrange();
    },
  });
  const shows = Object.keys(SHOWS).map((id) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(want.show === id),
        onclick: () => {
          want.show = id;
          shows.forEach((b, i) => b.setAttribute("aria-pressed", String(Object.keys(SHOWS)[i] === id)));
          arrange();
        },
      },
      t(`devices.show.${id}`),
    ),
  );
  const knowAll = h("button", { type: "button", hidden: true, title: t("devices.know.why"), onclick: know });
  const table = h(
    "table",
    { class: "data devices", role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
    body,
  );
  const element = h(
    "div",
    { class: "page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, t("nav.devices")),
      status,
      knowAll,
      h("a", { class: "button", href: "/api/devices?format=csv", download: true }, t("devices.csv")),
    ),
    h(
      "div",
      { class: "filters" },
      search,
      kinds,
      h("div", { class: "segments", role: "group", "aria-label": t("filter") }, shows),
    ),
    h("div", { class: "card flush" }, table, hole, end),
  );

  const observer = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && extend(), {
    rootMargin: "800px",
  });
  observer.observe(end);
  view.cleanup(() => observer.disconnect());
  arrange();
  load();
  view.on("device", changed);
  view.on("resumed", load);
  return element;

  async function load() {
    try {
      const answer = await get("/api/devices");
      const list = Array.isArray(answer) ? answer : (answer?.devices ?? []);
      loaded = true;
      state.devices.clear();
      for (const d of list) state.devices.set(d.id, d);
      arrange();
    } catch (error) {
      hole.hidden = false;
      fill(hole, empty(t("error.load"), error.message, h("button", { type: "button", onclick: load }, t("retry"))));
    }
  }

  function changed(device) {
    const row = rows.get(device.id);
    if (row) row._set(device);
    else if (loaded) arrange();
  }

  function sortBy(column) {
    want.down = want.sort === column ? !want.down : Boolean(column.down);
    want.sort = column;
    arrange();
  }

  function arrange() {
    const meant = deviceFilter(want.q);
    const all = [...state.devices.values()];
    const sign = want.down ? -1 : 1;
    sorted = all
      .filter((d) => SHOWS[want.show](d) && meant(d))
      .sort((a, b) => sign * want.sort.order(a, b) || (a.id < b.id ? -1 : 1));
    heads.forEach((th, i) =>
      setAttr(th, "aria-sort", COLUMNS[i] === want.sort ? (want.down ? "descending" : "ascending") : null),
    );
    const usual = want.sort === COLUMNS[5] && want.down;
    const place = usual ? {} : { sort: want.sort.id, dir: want.down ? "down" : "up" };
    const path = query({ q: want.q, show: want.show === "all" ? "" : want.show, ...place });
    history.replaceState(null, "", below(`/devices${path}`));
    const keep = Math.max(CHUNK, Math.min(body.children.length, sorted.length));
    fill(body, sorted.slice(0, keep).map(row));
    const online = all.filter((d) => d.online).length;
    setText(status, loaded ? `${tn("devices.count", sorted.length)} · ${tn("online", online)}` : "\u00a0");
    showKinds(all);
    const strange = sorted.filter(IS.unknown).length;
    knowAll.hidden = want.show !== "unknown" || !strange || !may();
    setText(knowAll, tn("devices.know", strange));
    table.hidden = !sorted.length && loaded;
    hole.hidden = sorted.length > 0 || !loaded;
    if (!hole.hidden)
      fill(
        hole,
        all.length
          ? empty(t("devices.nomatch"), t("devices.nomatch.why"))
          : empty(t("devices.none"), t("devices.none.why")),
      );
  }

  function showKinds(all) {
    const there = [...new Set(all.map((d) => d.kind))].sort((a, b) => text(word("kind", a), word("kind", b)));
    const chosen = KIND.exec(want.q)?.[2] ?? "";
    if (chosen && !there.includes(chosen)) there.push(chosen);
    const id = there.join();
    if (kinds._id !== id) {
      kinds._id = id;
      const option = (value, words) => h("option", { value }, words);
      fill(
        kinds,
        option("", t("devices.kinds")),
        there.map((kind) => option(kind, word("kind", kind))),
      );
    }
    kinds.value = chosen;
  }

  // One after the other: each is written to the card.
  async function know() {
    knowAll.disabled = true;
    try {
      for (const d of sorted.filter(IS.unknown)) {
        deviceChanged(await patch(`/api/devices/${encodeURIComponent(d.id)}`, { known: true }));
      }
      toast(t("saved"));
    } catch (error) {
      toast(error.message, "bad");
    }
    knowAll.disabled = false;
    arrange();
  }

  function extend() {
    const from = body.children.length;
    if (from < sorted.length) body.append(...sorted.slice(from, from + CHUNK).map(row));
  }

  function row(device) {
    let el = rows.get(device.id);
    if (!el) rows.set(device.id, (el = makeRow(device)));
    el._set(device);
    return el;
  }
}

function makeRow(device) {
  const cell = (id, ...content) => h("td", { class: id, role: "cell", "data-label": t(`device.${id}`) }, content);
  const glyph = h("span", { class: "glyph" });
  const lamp = h("i", { class: "lamp" });
  const link = h("a", { href: `/devices/${encodeURIComponent(device.id)}`, class: "name", "data-focus": true });
  const star = h("span", { class: "star", title: t("important"), hidden: true }, "★");
  const strange = h("small", { class: "strange", hidden: true }, t("device.unknown.yet"));
  const risk = h("span", { class: "riskiness" });
  const [vendor, ip, others, kind, first, sum] = [
    h("span", { class: "name" }),
    h("span", { class: "mono" }),
    h("small", {}),
    h("span", {}),
    h("span", {}),
    h("span", {}),
  ];
  const last = when(device.last_seen);
  const online = h("span", { class: "is-online" }, t("online"));
  const el = h(
    "tr",
    { role: "row", "data-row": true },
    cell("name", h("span", { class: "device" }, glyph, lamp, h("span", { class: "two" }, link, strange), star)),
    cell("vendor", vendor),
    cell("address", ip, others),
    cell("kind", kind),
    cell("first", first),
    cell("last", last, online),
    cell("today", sum),
    cell("risk", risk),
  );
  let drawn;
  el._set = (d) => {
    if (drawn !== d.kind) fill(glyph, icon((drawn = d.kind)));
    setText(link, d.label);
    setAttr(link, "title", d.label);
    star.hidden = !d.important;
    strange.hidden = d.known !== false || !unknownStandsOut();
    setText(risk, d.risk ? count(d.risk) : "–");
    setAttr(risk, "data-level", d.risk >= 67 ? "high" : d.risk >= 34 ? "medium" : d.risk ? "low" : null);
    setAttr(lamp, "title", t(d.online ? "online" : "offline"));
    el.classList.toggle("off", !d.online);
    setText(vendor, d.vendor ?? (d.random_mac ? t("random mac") : "–"));
    setAttr(vendor, "title", d.vendor);
    setText(ip, d.ips[0] ?? d.macs[0] ?? "–");
    setText(others, d.ips.length > 1 ? ` +${d.ips.length - 1}` : "");
    setAttr(ip, "title", [...d.ips, ...d.macs].join(" · "));
    setText(kind, word("kind", d.kind));
    setAttr(kind, "title", said(d, "kind_why"));
    setText(first, moment(d.first_seen, now()));
    setAttr(first, "title", full(d.first_seen));
    setWhen(last, d.last_seen);
    last.hidden = d.online;
    online.hidden = !d.online;
    setText(sum, bytes(today(d)));
    setAttr(sum, "title", `↓ ${count(d.bytes_in_today)}  ↑ ${count(d.bytes_out_today)} ${t("bytes")}`);
  };
  return el;
}
