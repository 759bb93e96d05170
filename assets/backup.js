// Backup and restore: one file out, and what one that comes in would change, shown before it does.

import { get, post } from "./api.js";
import { h, name } from "./dom.js";
import { full } from "./format.js";
import { t, tn } from "./i18n.js";
import { forgetKinds } from "./kinds.js";
import { dialog, field, toast } from "./parts.js";
import { state, stop } from "./state.js";

const LARGEST = 2 * 1024 * 1024;
const SHORTEST = 12;

/** The card on the settings page. */
export function backupCard(view) {
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-describedby": "restore-why" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    try {
      await offer(view, await read(chosen));
    } catch (error) {
      toast(error.message, "bad");
    }
    file.value = "";
  });
  return h(
    "section",
    { class: "card aside backup" },
    h("h2", {}, t("backup")),
    h("p", { class: "muted" }, t("backup.why")),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: plain }, t("backup.download")),
      h("button", { type: "button", onclick: withSecrets }, t("backup.secrets")),
    ),
    h("h3", {}, t("restore")),
    h("p", { class: "muted", id: "restore-why" }, t("restore.why")),
    field(t("restore.file"), file),
  );
}

async function read(file) {
  if (file.size > LARGEST) throw new Error(t("restore.too_large"));
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error(t("restore.not_json"));
  }
}

async function plain() {
  try {
    keep(await get("/api/backup"));
  } catch (error) {
    toast(error.message, "bad");
  }
}

// Hands the browser a file to keep.
function keep(backup) {
  const blob = new Blob([`${JSON.stringify(backup, null, 2)}\n`], { type: "application/json" });
  const url = URL.createObjectURL(blob);
  const host = (backup.host || "monitor").replace(/[^a-z0-9-]/gi, "");
  const link = h("a", { download: `netmonitor-${host}-${backup.made.slice(0, 10)}.json` });
  // Not an address of this dashboard, so it is not written from its top.
  link.href = url;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const secret = (id, autocomplete, props) => h("input", { type: "password", name: id, autocomplete, ...props });

// Where nobody logs in there is no password to ask for.
const ownPassword = () =>
  state.me?.account && field(t("backup.password"), secret("password", "current-password", { required: true }), t("backup.password.why"));

function withSecrets() {
  const content = [
    h("p", {}, t("backup.secrets.why")),
    field(t("backup.passphrase"), secret("passphrase", "new-password", { required: true, autofocus: true }), t("backup.passphrase.hint")),
    field(t("backup.passphrase.again"), secret("again", "new-password", { required: true })),
    ownPassword(),
  ];
  dialog(t("backup.secrets.title"), content, {
    submit: t("backup.download"),
    onsubmit: async (form) => {
      const passphrase = form.get("passphrase");
      if ([...passphrase].length < SHORTEST) throw new Error(t("backup.short", { n: SHORTEST }));
      if (passphrase !== form.get("again")) throw new Error(t("backup.differ"));
      const asked = { passphrase, password: form.get("password") ?? undefined };
      keep(await post("/api/backup", asked, { quiet401: true }));
    },
  });
}

// ---- restore

async function offer(view, backup, passphrase) {
  const plan = await post("/api/restore", { backup, passphrase }, { quiet401: true });
  if (plan.secrets.state === "closed") return ask(view, backup, plan);
  return confirm(view, backup, passphrase, plan);
}

// The file has secrets: with the passphrase they are taken over, without it they stay closed.
function ask(view, backup, plan) {
  const input = secret("passphrase", "off", { autofocus: true });
  dialog(t("restore.closed"), [h("p", {}, t("restore.closed.why")), field(t("backup.passphrase"), input)], {
    submit: t("restore.next"),
    onsubmit: async (form) => {
      const passphrase = form.get("passphrase");
      if (!passphrase) confirm(view, backup, undefined, plan);
      else await offer(view, backup, passphrase);
    },
  });
}

function confirm(view, backup, passphrase, plan) {
  const opened = plan.secrets.state === "open";
  const changes = plan.settings.length + plan.devices.length + plan.mutes.length;
  const from = h("p", { class: "muted" }, t("restore.from", { time: full(plan.made) }), plan.host && [" ", name(plan.host)]);
  if (!changes && !opened) return dialog(t("restore.title"), [from, h("p", {}, t("restore.nothing")), left(plan)]);
  return dialog(t("restore.title"), [from, h("div", { class: "changes restore-plan", tabindex: "0" }, parts(plan)), left(plan), opened && ownPassword()], {
    submit: t("restore.do"),
    onsubmit: async (form) => {
      const password = form.get("password") ?? undefined;
      await post("/api/restore", { backup, passphrase, password, apply: true }, { quiet401: true });
      toast(tn("restore.done", changes));
      if (opened) out(view);
      else document.dispatchEvent(new Event("restored"));
    },
  });
}

// The accounts are others now, so everyone logs in again.
function out(view) {
  if (!state.me?.account) return;
  stop();
  forgetKinds();
  view.go("/login");
}

const part = (title, items) => items.length > 0 && [h("h3", {}, title), h("ul", {}, items.map((item) => h("li", {}, item)))];

function parts({ settings, devices, mutes, secrets }) {
  return [
    part(tn("restore.settings", settings.length), settings.map((s) => [h("code", {}, s.key), " ", h("s", {}, shown(s.was)), " → ", h("b", {}, shown(s.now))])),
    part(tn("restore.devices", devices.length), devices.map(device)),
    part(tn("restore.mutes", mutes.length), mutes.map((m) => name([m.kind, m.source, m.target, m.port].filter(Boolean).join(" ")))),
    secrets.state === "open" && [
      h("h3", {}, t("restore.people")),
      h("p", {}, t("restore.people.why", { viewers: secrets.viewers, tokens: secrets.tokens })),
    ],
    secrets.state === "closed" && h("p", { class: "muted" }, t("restore.people.not")),
  ];
}

function device(d) {
  const marks = ["important", "known"].filter((mark) => d[mark]).map((mark) => t(`restore.${mark}`));
  const notes = d.notes ? [t("restore.notes")] : [];
  const said = [...notes, ...marks].join(", ");
  return [name(d.label), d.name && d.name !== d.label && [" → ", h("b", {}, name(d.name))], said && ` (${said})`, d.new && [" ", h("span", { class: "tag" }, t("restore.new"))]];
}

// What only config.toml may set.
function left({ settings_left: all }) {
  if (!all.length) return null;
  const box = h("details", {}, h("summary", {}, tn("restore.left", all.length)));
  box.append(h("p", { class: "muted" }, t("restore.left.why")), h("pre", {}, all.map((s) => `${s.key} = ${shown(s.value)}\n`)));
  return box;
}

const shown = (value) => JSON.stringify(value);
