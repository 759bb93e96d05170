// One's own account: password, second step, sessions; for the administrator also people, tokens and the log.

import { accounts, auditLog, tokens } from "./account_admin.js";
import { del, get, patch, post } from "./api.js";
import { fill, h, name } from "./dom.js";
import { count, full } from "./format.js";
import { t } from "./i18n.js";
import { forgetKinds } from "./kinds.js";
import { dialog, empty, field, timed, toast } from "./parts.js";
import { loadMe, state, stop } from "./state.js";
import { twoFactor } from "./two_factor.js";

const SHORTEST = 8;

export function accountView(view) {
  const page = h("div", { class: "page account" });
  const draw = () => fill(page, head(), state.me ? parts(view, draw) : h("p", { class: "muted" }, t("loading")));
  view.on("me", draw);
  draw();
  return page;
}

const head = () => h("header", { class: "page-head" }, h("h1", {}, t("nav.account")));

function parts(view, draw) {
  const { account, role } = state.me;
  const administrator = role === "administrator";
  return [
    h(
      "div",
      { class: "columns" },
      card("account.mine", account ? mine(view, draw) : [h("p", { class: "muted" }, t("account.mine.none"))]),
      account && card("two_factor", twoFactor(draw)),
    ),
    (account || administrator) && card(administrator ? "sessions.all" : "sessions", sessions(view)),
    administrator && [card("accounts", accounts(view)), card("tokens", tokens(view)), card("audit", auditLog(view))],
  ];
}

const card = (title, content) =>
  h("section", { class: "card", "aria-label": t(title) }, h("h2", {}, t(title)), content);

function mine(view, draw) {
  const { name: who, role, expires } = state.me;
  return [
    h("p", {}, h("b", {}, name(who)), ` · ${t(`role.${role}`)}`),
    h("p", { class: "muted" }, t(`role.${role}.why`), expires && ` ${t("account.until", { time: full(expires) })}`),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: changePassword }, t("password.change")),
      role === "administrator" && h("button", { type: "button", onclick: () => rename(draw) }, t("account.rename")),
      h("button", { type: "button", onclick: () => logOut(view) }, t("logout")),
    ),
  ];
}

/** Ends the session of this browser and goes to the login page. */
export async function logOut(view) {
  try {
    await del("/api/session");
  } catch (error) {
    if (error.status !== 401) return toast(error.message, "bad");
  }
  stop();
  forgetKinds();
  return view.go("/login");
}

const secret = (id, autocomplete, autofocus) =>
  h("input", { type: "password", name: id, autocomplete, required: true, autofocus });

function changePassword() {
  const content = [
    field(t("password.old"), secret("old", "current-password", true)),
    field(t("claim.password"), secret("new", "new-password"), t("claim.password.hint")),
    field(t("claim.again"), secret("again", "new-password")),
  ];
  dialog(t("password.change"), content, {
    submit: t("save"),
    onsubmit: async (form) => {
      const chosen = form.get("new");
      if ([...chosen].length < SHORTEST) throw new Error(t("claim.short", { n: SHORTEST }));
      if (chosen !== form.get("again")) throw new Error(t("claim.differ"));
      await post("/api/password", { old: form.get("old"), new: chosen }, { quiet401: true });
      toast(t("password.changed"));
      document.dispatchEvent(new Event("sessionschange"));
    },
  });
}

function rename(draw) {
  const input = h("input", { name: "name", value: state.me.name, maxlength: 64, required: true, autofocus: true });
  dialog(t("account.rename"), field(t("accounts.name"), input), {
    submit: t("save"),
    onsubmit: async (form) => {
      await patch(`/api/accounts/${state.me.account}`, { name: form.get("name") });
      await loadMe();
      draw();
    },
  });
}

function sessions(view) {
  const list = h("div", {}, h("p", { class: "muted" }, t("loading")));
  const load = async () => {
    try {
      const { sessions: all } = await get("/api/sessions");
      const others = all.some((s) => !s.current && s.name === state.me?.name);
      fill(
        list,
        all.length ? h("ul", { class: "plain-list people" }, all.map(row)) : empty(t("sessions.none")),
        others &&
          state.me.account &&
          h("p", { class: "after-list" }, h("button", { type: "button", onclick: endOthers }, t("sessions.others"))),
      );
    } catch (error) {
      fill(list, empty(t("error.load"), error.message));
    }
  };
  const row = (s) => {
    const what = s.browser || t("sessions.unknown");
    return h(
      "li",
      {},
      h(
        "div",
        {},
        h(
          "p",
          {},
          h("b", {}, name(s.name)),
          ` · ${what}`,
          s.kiosk && h("span", { class: "tag" }, t("sessions.kiosk")),
          s.current && h("span", { class: "tag" }, t("sessions.this")),
        ),
        h("p", { class: "muted" }, s.address, " · ", timed("sessions.seen", s.last_seen), " · ", timed("sessions.begun", s.created)),
      ),
      !s.current &&
        h(
          "button",
          { type: "button", "aria-label": t("sessions.end.of", { what: `${s.name}, ${what}` }), onclick: () => end(s) },
          t("sessions.end"),
        ),
    );
  };
  const end = (s) => tried(() => del(`/api/sessions/${s.id}`), () => t("sessions.ended"));
  const endOthers = () => tried(() => del("/api/sessions"), (answer) => t("sessions.others.done", { n: count(answer.ended) }));
  const tried = async (f, done) => {
    try {
      toast(done(await f()));
    } catch (error) {
      toast(error.message, "bad");
    }
    load();
  };
  document.addEventListener("sessionschange", load);
  view.cleanup(() => document.removeEventListener("sessionschange", load));
  load();
  return list;
}
