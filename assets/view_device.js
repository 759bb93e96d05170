// One device: what is known of it and how, what its owner says of it, and its alerts.

import { get, patch, query } from "./api.js";
import { bars } from "./bars.js";
import { fill, h, name, svg } from "./dom.js";
import { bytes, clock, count, date, duration, exactBytes, full, moment, weekday } from "./format.js";
import { said, t } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { empty, field, sentenceOf, summaryOf, toast, valueWord, when, word } from "./parts.js";
import { deviceChanged, may, now, state } from "./state.js";

const DETAILS = ["traits", "hours", "services", "peers", "days", "last_hours", "asked"];
const HOUR = 3_600_000;

export function deviceView(view) {
  // An alert may name a device by a station address that it took on later: the answer knows its id.
  let id = view.args[0];
  let more = {};
  const element = h("div", { class: "page device-page" });
  let editing = false;
  const known = state.devices.get(id);
  if (known) show(known);
  load();
  // Events come without the details.
  view.on("device", (d) => d.id === id && !editing && show({ ...more, ...d }));
  return element;

  async function load() {
    try {
      const device = await get(`/api/devices/${encodeURIComponent(id)}`);
      id = device.id;
      more = Object.fromEntries(DETAILS.map((key) => [key, device[key] ?? []]));
      if (!editing) show(device);
    } catch (error) {
      const words =
        error.status === 404
          ? empty(t("device.unknown"), t("device.unknown.why"))
          : empty(t("error.load"), error.message);
      fill(
        element,
        h(
          "section",
          { class: "card lone" },
          words,
          h("p", {}, h("a", { class: "button", href: "/devices" }, t("all devices"))),
        ),
      );
    }
  }

  function show(device) {
    const alerts = element._alerts ?? (element._alerts = alertsOf(device));
    fill(
      element,
      heading(device),
      device.last_hours && lately(device),
      h(
        "div",
        { class: "columns" },
        h("div", { class: "stack" }, facts(device), names(device), asked(device), traits(device), presence(device)),
        h(
          "div",
          { class: "stack" },
          may() && form(device),
          alerts,
          habits(device.habits),
          peers(device),
          services(device),
        ),
      ),
    );
  }

  async function change(what) {
    const answer = await patch(`/api/devices/${encodeURIComponent(id)}`, what);
    editing = false;
    deviceChanged(answer);
    toast(t("saved"));
  }

  // The name is changed where it stands: Enter keeps, Escape leaves it.
  function heading(d) {
    const title = h("span", { class: "title" }, name(d.name || d.label));
    const pencil = h("button", { class: "plain", type: "button", onclick: rename }, t("device.rename.now"));
    const input = h("input", {
      name: "name",
      value: d.name ?? "",
      maxlength: 64,
      placeholder: d.names[0]?.name ?? d.label,
      autocomplete: "off",
      "aria-label": t("device.rename"),
      onkeydown: (event) => event.key === "Escape" && leave(),
    });
    const problem = h("p", { class: "problem", role: "alert" });
    const form = h(
      "form",
      { class: "rename", hidden: true, onsubmit: keep },
      input,
      h("button", { class: "primary", type: "submit" }, t("save")),
      h("button", { type: "button", onclick: leave }, t("cancel")),
      h("small", {}, t("device.rename.hint")),
      problem,
    );
    function rename() {
      editing = true;
      swap(true);
      input.select();
      input.focus();
    }
    function leave() {
      editing = false;
      input.value = d.name ?? "";
      swap(false);
      pencil.focus();
    }
    function swap(open) {
      form.hidden = !open;
      title.hidden = pencil.hidden = open;
    }
    async function keep(event) {
      event.preventDefault();
      try {
        await change({ name: input.value.trim() });
      } catch (error) {
        fill(problem, error.message);
      }
    }
    const know = () => change({ known: true }).catch((error) => toast(error.message, "bad"));
    return h(
      "header",
      { class: "page-head" },
      h("a", { class: "back", href: "/devices" }, t("nav.devices")),
      h("h1", {}, h("span", { class: "glyph" }, icon(d.kind)), title),
      form,
      may() && pencil,
      d.important && h("span", { class: "tag" }, "★ ", t("important")),
      d.known === false && [
        h("span", { class: "tag strange" }, t("device.unknown.yet")),
        may() && h("button", { type: "button", class: "know", onclick: know }, t("known.mark")),
      ],
      h(
        "p",
        { class: `muted presence${d.online ? " on" : ""}` },
        h("i", { class: "lamp" }),
        d.online ? t("online") : [t("last seen"), " ", when(d.last_seen)],
      ),
    );
  }

  function form(device) {
    const problem = h("p", { class: "problem", role: "alert" });
    const save = h("button", { class: "primary", type: "submit" }, t("save"));
    return h(
      "form",
      { class: "card", oninput: () => (editing = true), onsubmit: send },
      h("h2", {}, t("device.yours")),
      field(t("device.notes"), h("textarea", { name: "notes", rows: 3, value: device.notes ?? "", maxlength: 2000 })),
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name: "important", checked: device.important }),
        h("span", {}, t("important"), h("small", {}, t("important.hint"))),
      ),
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name: "known", checked: device.known }),
        h("span", {}, t("known"), h("small", {}, t("known.hint"))),
      ),
      problem,
      h("div", { class: "actions" }, save),
    );
    async function send(event) {
      event.preventDefault();
      const data = new FormData(event.target);
      save.disabled = true;
      try {
        await change({
          notes: data.get("notes").trim(),
          important: data.has("important"),
          known: data.has("known"),
        });
      } catch (error) {
        fill(problem, error.message);
        save.disabled = false;
      }
    }
  }
}

/** Bytes of the last 24 hours and the last 7 days. */
function lately(d) {
  const hours = new Map(d.last_hours.map((x) => [Date.parse(x.hour), x]));
  const thisHour = Math.floor(now() / HOUR) * HOUR;
  const byHour = Array.from({ length: 24 }, (_, i) => {
    const at = thisHour - (23 - i) * HOUR;
    const x = hours.get(at);
    return { words: clock(at), down: x?.bytes_in ?? 0, up: x?.bytes_out ?? 0, missing: !x };
  });
  const days = new Map((d.days ?? []).map((x) => [Date.parse(x.day), x]));
  const today = Math.floor(now() / (24 * HOUR)) * 24 * HOUR;
  const byDay = Array.from({ length: 7 }, (_, i) => {
    const at = today - (6 - i) * 24 * HOUR;
    const x = at === today ? { bytes_in: d.bytes_in_today, bytes_out: d.bytes_out_today } : days.get(at);
    return { words: date(at), short: weekday(at), down: x?.bytes_in ?? 0, up: x?.bytes_out ?? 0, missing: !x };
  });
  return h("section", { class: "card lately" }, bars(t("device.last24"), byHour), bars(t("device.last7"), byDay));
}

function facts(d) {
  const line = (key, ...value) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("device.facts")),
    h(
      "dl",
      { class: "facts-list" },
      line("device.kind", word("kind", d.kind), d.kind_why && h("small", {}, said(d, "kind_why"))),
      line(
        "device.vendor",
        d.vendor ? name(d.vendor) : d.random_mac ? "" : t("unknown"),
        d.random_mac && h("small", {}, t("random mac.why")),
      ),
      line("addresses", d.ips.length ? d.ips.map((ip) => h("div", { class: "mono" }, ip)) : t("none")),
      d.system ? line("device.system", valueWord(d.system)) : [],
      line(
        "station",
        d.macs.length ? d.macs.map((m) => h("div", { class: "mono" }, m)) : t("none"),
        d.macs_why && h("small", {}, said(d, "macs_why")),
      ),
      line("device.first", h("span", { title: full(d.first_seen) }, moment(d.first_seen, now()))),
      line("device.last", h("span", { title: full(d.last_seen) }, moment(d.last_seen, now()))),
      line(
        "device.today",
        h("span", { title: exactBytes(d.bytes_in_today) }, `↓ ${bytes(d.bytes_in_today)}`),
        "  ",
        h("span", { title: exactBytes(d.bytes_out_today) }, `↑ ${bytes(d.bytes_out_today)}`),
      ),
      d.usual_gap_seconds ? line("device.gap", duration(d.usual_gap_seconds)) : [],
      d.risk === null ? [] : line("device.risk", risk(d.risk, d.risk_why)),
    ),
  );
}

function habits(known) {
  if (!known) return [];
  const line = (key, ...value) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value));
  const day = { day: known.day, of: known.of };
  const usual = [`↓ ${bytes(known.usual_in_bytes)}`, "  ", `↑ ${bytes(known.usual_out_bytes)}`];
  return h(
    "section",
    { class: "card habits" },
    h("h2", {}, t("device.habits")),
    h("p", {}, t(`habits.${known.state}`, day), " ", h("small", {}, t(`habits.${known.state}.why`))),
    h(
      "dl",
      { class: "facts-list" },
      line("habits.destinations", count(known.destinations)),
      line("habits.services", known.services.length ? known.services.join(", ") : t("none")),
      known.usual_out_bytes === null ? [] : line("habits.usual", usual),
    ),
  );
}

const risk = (n, why) =>
  h(
    "span",
    { class: "risk" },
    h("meter", { min: 0, max: 100, low: 34, high: 67, optimum: 0, value: n }),
    ` ${n} ${t("of 100")}`,
    why.length ? h("small", {}, why.map((w) => w.replace(/^[a-z_]+/, kindTitle)).join(", ")) : [],
  );

function names(d) {
  const rows = d.names.map((n) => h("tr", {}, h("td", {}, name(n.name)), h("td", {}, word("source", n.source))));
  const table = h(
    "table",
    { class: "data" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("name")), h("th", { scope: "col" }, t("seen in")))),
    h("tbody", {}, rows),
  );
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("device.names")),
    rows.length ? table : empty(t("device.nonames"), t("device.nonames.why")),
  );
}

/** A card with a table; nothing while there are no rows. */
function tableCard(title, heads, rows) {
  if (!rows.length) return null;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t(title)),
    h(
      "table",
      { class: "data" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((head) => h("th", { scope: "col" }, t(head))),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) =>
          h(
            "tr",
            {},
            cells.map((cell) => h("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}

const traits = (d) =>
  tableCard(
    "device.traits",
    ["device.trait", "seen in"],
    (d.traits ?? []).map((trait) => [name(trait.value), word("trait", trait.source)]),
  );

const asked = (d) =>
  tableCard(
    "device.asked",
    ["device.domain", "device.times", "device.last"],
    (d.asked ?? []).map((a) => [name(a.domain), count(a.times), when(a.last_hour)]),
  );

const services = (d) =>
  tableCard(
    "device.services",
    ["device.port", "device.asked.by", "device.last"],
    (d.services ?? []).map((s) => [
      h("span", { class: "mono" }, `${s.protocol}/${s.port}`),
      t(s.outside ? "device.outside" : "device.inside"),
      date(s.last_day),
    ]),
  );

/** A device of ours leads to its page. */
function peerName(p) {
  const ours = [...state.devices.values()].find((d) => d.ips.includes(p.ip));
  const words = name(p.name ?? p.ip);
  return ours ? h("a", { class: "peer", href: `/devices/${encodeURIComponent(ours.id)}` }, words) : words;
}

const peers = (d) =>
  tableCard(
    "device.peers",
    ["name", "device.volume"],
    (d.peers ?? []).map((p) => [
      [peerName(p), p.name && h("small", { class: "mono" }, ` ${p.ip}`)],
      h("span", { title: exactBytes(p.bytes) }, bytes(p.bytes)),
    ]),
  );

/** Presence by hour of the viewer's own clock, and the days before this one. */
function presence(d) {
  const hours = d.hours ?? [];
  if (!hours.some((n) => n > 0)) return null;
  const shift = Math.round(new Date().getTimezoneOffset() / 60);
  const bar = (_, hour) => {
    const value = hours[(hour + shift + 48) % 24] ?? 0;
    const words = `${hour}:00 · ${Math.round((value / 255) * 100)} %`;
    const height = (value / 255) * 40 + 1;
    const column = svg("rect", { width: 8, y: 41 - height, height });
    return h(
      "div",
      {},
      svg("svg", { viewBox: "0 0 8 41", preserveAspectRatio: "none" }, svg("title", {}, words), column),
      h("small", {}, hour % 6 ? "" : `${hour}:00`),
    );
  };
  const usual = hours.map((n, i) => [(i - shift + 48) % 24, n]).filter(([, n]) => n >= 64);
  const told = usual.length
    ? usual
        .map(([hour]) => hour)
        .sort((a, b) => a - b)
        .join(", ")
    : t("none");
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("device.presence")),
    hours.length === 24 &&
      h("div", { class: "hours", role: "img", "aria-label": t("device.hours", { hours: told }) }, hours.map(bar)),
    hours.length === 24 && h("small", { class: "muted" }, t("device.hours", { hours: told })),
  );
}

function alertsOf(device) {
  const body = h("div", {}, h("p", { class: "muted" }, t("loading")));
  const ask = (side, ip) => get(`/api/alerts${query({ [side]: ip, limit: 20 })}`).then((a) => a.alerts);
  const asked = device.ips.slice(0, 2).flatMap((ip) => [ask("source", ip), ask("target", ip)]);
  Promise.all(asked).then(
    (answers) => {
      const all = [...new Map(answers.flat().map((a) => [a.id, a])).values()]
        .sort((a, b) => Date.parse(b.last_time) - Date.parse(a.last_time))
        .slice(0, 20);
      fill(
        body,
        all.length ? h("ul", { class: "rows" }, all.map(row)) : empty(t("device.noalerts"), t("device.noalerts.why")),
      );
    },
    (error) => fill(body, empty(t("error.load"), error.message)),
  );
  return h("section", { class: "card alerts" }, h("h2", {}, t("device.alerts")), body);
}

const row = (a) =>
  h(
    "li",
    { class: `row${a.acknowledged ? " old" : ""}`, "data-row": true },
    mark(a.severity),
    h(
      "a",
      { href: `/alerts?state=all&id=${a.id}`, "data-focus": true },
      h("span", { class: "unseen" }, t(`severity.${a.severity}`), ": "),
      h("span", { class: "name summary", title: summaryOf(a) }, sentenceOf(a)),
    ),
    h("small", {}, kindTitle(a.kind)),
    h("div", { class: "right" }, when(a.last_time)),
  );
