// What the administrator alone sees of accounts: people, tokens for programs and wall displays, the log.

import { del, get, patch, post, query } from "./api.js";
import { fill, h, name } from "./dom.js";
import { full, count } from "./format.js";
import { has, t } from "./i18n.js";
import { dialog, empty, field, timed, toast, when } from "./parts.js";
import { shown } from "./two_factor.js";

const SHORTEST = 8;
const PAGE = 25;
const DAY = 86_400_000;
const ENDS = { never: 0, "30d": 30 * DAY, "1y": 365 * DAY };

// A list that is loaded, and loaded again after every change.
function listed(ask, draw) {
  const el = h("div", {}, h("p", { class: "muted" }, t("loading")));
  const load = async () => {
    try {
      fill(el, draw(await ask(), load));
    } catch (error) {
      fill(el, empty(t("error.load"), error.message));
    }
  };
  load();
  return { el, load };
}

const button = (label, onclick, props) => h("button", { type: "button", onclick, ...props }, label);

// Asks before something ends that does not come back.
const sure = (title, why, label, run) => dialog(title, h("p", {}, why), { submit: label, tone: "danger", onsubmit: run });

/** People who may log in. */
export function accounts(view) {
  const { el, load } = listed(
    () => get("/api/accounts"),
    ({ accounts: all }, load) => h("ul", { class: "plain-list people" }, all.map((a) => person(a, load))),
  );
  view.on("me", load);
  return [h("p", { class: "muted" }, t("accounts.why")), el, h("p", { class: "after-list" }, button(t("accounts.add"), () => add(load)))];
}

function person(a, load) {
  const viewer = a.role === "viewer";
  const done = (words) => {
    toast(words);
    load();
    document.dispatchEvent(new Event("sessionschange"));
  };
  const remove = () =>
    sure(t("accounts.delete.of", { name: a.name }), t("accounts.delete.why", { name: a.name }), t("accounts.delete"), async () => {
      await del(`/api/accounts/${a.id}`);
      done(t("accounts.deleted", { name: a.name }));
    });
  const other = () =>
    dialog(t("accounts.password.of", { name: a.name }), field(t("accounts.password"), newPassword(), t("claim.password.hint")), {
      submit: t("save"),
      onsubmit: async (form) => {
        await patch(`/api/accounts/${a.id}`, { password: chosen(form) });
        done(t("accounts.password.done", { name: a.name }));
      },
    });
  const weaken = () =>
    sure(t("accounts.two_factor.end"), t("two_factor.why"), t("accounts.two_factor.end"), async () => {
      await patch(`/api/accounts/${a.id}`, { two_factor: false });
      done(t("two_factor.ended"));
    });
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("p", {}, h("b", {}, name(a.name)), ` · ${t(`role.${a.role}`)}`, a.two_factor && h("span", { class: "tag" }, t("two_factor"))),
      h("p", { class: "muted" }, a.last_login ? timed("accounts.last", a.last_login) : t("accounts.never")),
    ),
    viewer &&
      h(
        "div",
        { class: "actions" },
        a.two_factor && button(t("accounts.two_factor.end"), weaken),
        button(t("accounts.password"), other, { "aria-label": t("accounts.password.of", { name: a.name }) }),
        button(t("accounts.delete"), remove, { "aria-label": t("accounts.delete.of", { name: a.name }) }),
      ),
  );
}

const newPassword = () => h("input", { type: "password", name: "password", autocomplete: "new-password", required: true });

function chosen(form) {
  const secret = form.get("password");
  if ([...secret].length < SHORTEST) throw new Error(t("claim.short", { n: SHORTEST }));
  return secret;
}

function add(load) {
  const input = h("input", { name: "name", maxlength: 64, required: true, autofocus: true, autocomplete: "off" });
  dialog(t("accounts.add"), [field(t("accounts.name"), input), field(t("accounts.password"), newPassword(), t("claim.password.hint"))], {
    submit: t("accounts.add"),
    onsubmit: async (form) => {
      const made = await post("/api/accounts", { name: form.get("name"), password: chosen(form) });
      toast(t("accounts.added", { name: made.name }));
      load();
    },
  });
}

/** Tokens, without what they are: that is told once. */
export function tokens() {
  const { el, load } = listed(
    () => get("/api/tokens"),
    ({ tokens: all }, load) =>
      all.length ? h("ul", { class: "plain-list people" }, all.map((k) => token(k, load))) : empty(t("tokens.none"), t("tokens.why")),
  );
  return [h("p", { class: "muted" }, t("tokens.why")), el, h("p", { class: "after-list" }, button(t("tokens.add"), () => make(load)))];
}

function token(k, load) {
  const over = k.expires && Date.parse(k.expires) <= Date.now();
  const remove = () =>
    sure(t("tokens.delete.of", { name: k.name }), t("tokens.delete.why"), t("tokens.delete"), async () => {
      await del(`/api/tokens/${k.id}`);
      toast(t("tokens.deleted"));
      load();
      document.dispatchEvent(new Event("sessionschange"));
    });
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("p", {}, h("b", {}, name(k.name)), ` · ${t(`tokens.scope.${k.scope}`)}`, over && h("span", { class: "tag" }, t("tokens.ended"))),
      h(
        "p",
        { class: "muted" },
        k.last_used ? timed("tokens.used", k.last_used) : t("tokens.unused"),
        k.expires && !over && ` · ${t("tokens.ends", { time: full(k.expires) })}`,
      ),
    ),
    button(t("tokens.delete"), remove, { "aria-label": t("tokens.delete.of", { name: k.name }) }),
  );
}

function make(load) {
  const choice = (id, values, label) =>
    h("select", { name: id }, values.map((v) => h("option", { value: v }, t(`${label}.${v}`))));
  const content = [
    field(t("tokens.name"), h("input", { name: "name", maxlength: 64, required: true, autofocus: true, autocomplete: "off" })),
    field(t("tokens.scope"), choice("scope", ["kiosk", "read", "admin"], "tokens.scope")),
    field(t("tokens.until"), choice("ends", Object.keys(ENDS), "tokens.until")),
  ];
  dialog(t("tokens.add"), content, {
    submit: t("tokens.add"),
    onsubmit: async (form) => {
      const span = ENDS[form.get("ends")];
      const expires = span ? new Date(Date.now() + span).toISOString() : null;
      const made = await post("/api/tokens", { name: form.get("name"), scope: form.get("scope"), expires });
      load();
      tell(made);
    },
  });
}

function tell(made) {
  const kiosk = made.scope === "kiosk";
  // The link knows where this dashboard stands, below a prefix too.
  const address = kiosk && h("a", { href: `/kiosk?token=${made.token}` }).href;
  const content = kiosk
    ? [h("p", {}, t("tokens.told.kiosk")), field(t("tokens.address"), shown(address))]
    : [h("p", {}, t("tokens.told.why")), field(t("tokens.token"), shown(made.token))];
  dialog(t("tokens.told"), content);
}

/** Log-ins and changes, newest first. */
export function auditLog(view) {
  const rows = h("tbody", {});
  const more = button(t("audit.more"), () => load(cursor));
  const el = h("div", {}, h("p", { class: "muted" }, t("loading")));
  let cursor = null;
  const load = async (from) => {
    try {
      const answer = await get(`/api/audit${query({ limit: PAGE, cursor: from })}`);
      if (!from) fill(el, answer.entries.length ? [table(rows), h("p", { class: "after-list" }, more)] : empty(t("audit.none")));
      if (!from) fill(rows);
      rows.append(...answer.entries.map(entry));
      cursor = answer.next_cursor;
      more.hidden = !cursor;
    } catch (error) {
      if (from) toast(error.message, "bad");
      else fill(el, empty(t("error.load"), error.message));
    }
  };
  const again = () => load(null);
  document.addEventListener("sessionschange", again);
  view.cleanup(() => document.removeEventListener("sessionschange", again));
  again();
  return [h("p", { class: "muted" }, t("audit.why")), el];
}

const table = (rows) => h("table", { class: "data audit" }, h("caption", { class: "unseen" }, t("audit")), rows);

function entry(e) {
  const bad = e.result !== "ok";
  const id = `audit.${e.action}${bad ? ".refused" : ""}`;
  const who = e.who ? name(e.who) : t(e.address ? "audit.nobody" : "audit.itself");
  return h(
    "tr",
    {},
    h("td", {}, when(e.time)),
    h(
      "td",
      {},
      h("b", {}, who),
      " ",
      has(id) ? t(id) : h("code", {}, e.action),
      e.about && [": ", name(e.about)],
      !bad && e.count > 0 && ` (${count(e.count)})`,
      bad && h("span", { class: "tag bad" }, has(`refused.${e.result}`) ? t(`refused.${e.result}`) : e.result),
      bad && e.count > 0 && h("small", {}, ` ${t("audit.skipped", { n: count(e.count) })}`),
    ),
    h("td", { class: "muted" }, e.address),
  );
}
