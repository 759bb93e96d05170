// One device: what is known of it and how, what its owner says of it, and its alerts.

import { get, patch, query } from "./api.js";
import { fill, h, name, svg } from "./dom.js";
import { bytes, count, date, duration, exactBytes, full, moment } from "./format.js";
import { said, t } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { kindTitle } from "./kinds.js";
import { empty, field, sentenceOf, summaryOf, toast, valueWord, when, word } from "./parts.js";
import { deviceChanged, may, now, state } from "./state.js";

const DETAILS = ["traits", "hours", "services", "peers", "days"];

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
      h(
        "div",
        { class: "columns" },
        h("div", { class: "stack" }, facts(device), names(device), traits(device), presence(device), services(device)),
        h("div", { class: "stack" }, may() && form(device), alerts, habits(device.habits), peers(device)),
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
      field(
        t("device.rename"),
        h("input", {
          name: "name",
          value: device.name ?? "",
          maxlength: 64,
          placeholder: device.label,
          autocomplete: "off",
        }),
        t("device.rename.hint"),
      ),
      field(t("device.notes"), h("textarea", { name: "notes", rows: 3, value: device.notes ?? "", maxlength: 2000 })),
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name: "important", checked: device.important }),
        h("span", {}, t("important"), h("small", {}, t("important.hint"))),
      ),
      problem,
      h("div", { class: "actions" }, save),
    );
    async function send(event) {
      event.preventDefault();
      const data = new FormData(event.target);
      save.disabled = true;
      try {
        const change = {
          name: data.get("name").trim(),
          notes: data.get("notes").trim(),
          important: data.has("important"),
        };
        const answer = await patch(`/api/devices/${encodeURIComponent(device.id)}`, change);
        editing = false;
        deviceChanged(answer?.id ? answer : { ...device, ...change, label: change.name || device.label });
        toast(t("saved"));
      } catch (error) {
        fill(problem, error.message);
        save.disabled = false;
      }
    }
  }
}

const heading = (d) =>
  h(
    "header",
    { class: "page-head" },
    h("a", { class: "back", href: "/devices" }, t("nav.devices")),
    h("h1", {}, h("span", { class: "glyph" }, icon(d.kind)), name(d.name || d.label)),
    h(
      "p",
      { class: `muted presence${d.online ? " on" : ""}` },
      h("i", { class: "lamp" }),
      d.online ? t("online") : [t("last seen"), " ", when(d.last_seen)],
    ),
  );

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
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, t(head))))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))),
    ),
  );
}

const traits = (d) =>
  tableCard(
    "device.traits",
    ["device.trait", "seen in"],
    (d.traits ?? []).map((trait) => [name(trait.value), word("trait", trait.source)]),
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

const peers = (d) =>
  tableCard(
    "device.peers",
    ["name", "device.volume"],
    (d.peers ?? []).map((p) => [
      [name(p.name ?? p.ip), p.name && h("small", { class: "mono" }, ` ${p.ip}`)],
      h("span", { title: exactBytes(p.bytes) }, bytes(p.bytes)),
    ]),
  );

/** Presence by hour of the viewer's own clock, and the days before this one. */
function presence(d) {
  const hours = d.hours ?? [];
  const days = d.days ?? [];
  if (!hours.some((n) => n > 0) && !days.length) return null;
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
  const told = usual.length ? usual.map(([hour]) => hour).sort((a, b) => a - b).join(", ") : t("none");
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("device.presence")),
    hours.length === 24 &&
      h("div", { class: "hours", role: "img", "aria-label": t("device.hours", { hours: told }) }, hours.map(bar)),
    hours.length === 24 && h("small", { class: "muted" }, t("device.hours", { hours: told })),
    days.length > 0 &&
      h(
        "dl",
        { class: "facts-list" },
        days.map((day) =>
          h(
            "div",
            {},
            h("dt", {}, date(day.day)),
            h("dd", {}, `↓ ${bytes(day.bytes_in)}  ↑ ${bytes(day.bytes_out)}`),
          ),
        ),
      ),
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
