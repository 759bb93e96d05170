// Log in, with a second step where one is set; or, while nobody owns this monitor yet, claim it with the code that it
// shows and choose the password.

import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { forgetKinds, loadKinds } from "./kinds.js";
import { field } from "./parts.js";
import { start, state, stop } from "./state.js";

const SHORTEST = 8;
const RETRY_MS = 5000;

export function loginView(view) {
  if (state.link.status !== "out") stop();
  const card = h("section", { class: "card gate" });
  const next = safe(view.params.get("next"));
  load();
  return card;

  async function load() {
    try {
      const { claimed, reason } = await get("/healthz");
      if (reason === "monitor_away") throw new Error(t("login.away"));
      fill(card, claimed === false ? claimForm(enter) : loginForm(enter, card));
      card.querySelector("input:not([autocomplete=username])")?.focus();
    } catch (error) {
      fill(card, head(t("login.title"), error.message), h("button", { type: "button", onclick: load }, t("retry")));
      setTimeout(() => card.isConnected && load(), RETRY_MS);
    }
  }

  function enter() {
    forgetKinds();
    start();
    loadKinds();
    view.go(next, { replace: true });
  }
}

// Only a path of this site is a place to go back to.
function safe(path) {
  try {
    const url = new URL(path ?? "/", location.origin);
    return url.origin === location.origin && url.pathname !== "/login" ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

const head = (title, words) =>
  h(
    "header",
    {},
    h("div", { class: "crest" }, icon("health")),
    h("h1", {}, title),
    h("p", { class: "muted" }, words),
  );

const password = (name, autocomplete) => h("input", { type: "password", name, autocomplete, required: true });

// Password managers want to know whose password it is.
const owner = (name = "owner") =>
  h("input", {
    type: "text",
    name: "username",
    value: name,
    autocomplete: "username",
    class: "unseen",
    tabindex: "-1",
    "aria-hidden": "true",
  });

function gateForm(parts, label, send) {
  const problem = h("p", { class: "problem", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, label);
  return h("form", { onsubmit: submit }, parts, problem, button);
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    fill(problem);
    try {
      await send(new FormData(event.target));
    } catch (error) {
      fill(problem, words(error));
      event.target.querySelector("input.again, input[type=password]")?.select();
    } finally {
      button.disabled = false;
    }
  }
}

function words(error) {
  if (error.status === 429 && error.retryAfter) return t("login.wait", { n: error.retryAfter });
  return error.message;
}

const logIn = (who) => post("/api/session", who, { quiet401: true });

// The name is asked of those who want to give one: who asks for it does not say whether there are viewers.
function loginForm(enter, card) {
  const name = h("input", { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const named = field(t("login.name"), name, t("login.name.hint"));
  named.hidden = true;
  const other = h("button", { type: "button", class: "plain aside", "aria-expanded": "false", onclick: open }, t("login.other"));
  const parts = [named, field(t("password"), password("password", "current-password")), other];
  const form = gateForm(parts, t("login"), async (data) => {
    const who = { password: data.get("password") };
    if (!named.hidden && name.value.trim()) who.name = name.value.trim();
    try {
      await logIn(who);
    } catch (error) {
      if (error.code === "code_needed") return fill(card, codeForm(enter, who)).querySelector("input").focus();
      if (error.code === "wrong_password" && who.name) error.message = t("login.wrong_both");
      throw error;
    }
    return enter();
  });
  return [head(t("login.title"), t("login.why")), form];

  function open() {
    named.hidden = !named.hidden;
    other.setAttribute("aria-expanded", String(!named.hidden));
    if (!named.hidden) name.focus();
  }
}

// The password was right; the code is asked for on a page of its own.
function codeForm(enter, who) {
  const code = h("input", {
    name: "code",
    class: "again",
    required: true,
    autocomplete: "one-time-code",
    autocapitalize: "characters",
    spellcheck: "false",
    maxlength: 40,
  });
  const form = gateForm(field(t("login.code"), code, t("login.code.hint")), t("login"), async (data) => {
    await logIn({ ...who, code: data.get("code").trim() });
    enter();
  });
  return [head(t("login.title"), t("login.code.why")), form];
}

function claimForm(enter) {
  const code = h("input", {
    name: "code",
    required: true,
    autocomplete: "one-time-code",
    autocapitalize: "characters",
    spellcheck: "false",
  });
  const parts = [
    owner(),
    field(t("claim.code"), code, t("claim.code.hint")),
    field(t("claim.password"), password("password", "new-password"), t("claim.password.hint")),
    field(t("claim.again"), password("again", "new-password")),
  ];
  const form = gateForm(parts, t("claim"), async (data) => {
    const secret = data.get("password");
    if ([...secret].length < SHORTEST) throw new Error(t("claim.short", { n: SHORTEST }));
    if (secret !== data.get("again")) throw new Error(t("claim.differ"));
    await post("/api/claim", { code: data.get("code").trim(), password: secret }, { quiet401: true });
    const inside = await get("/api/dashboard", { quiet401: true }).then(
      () => true,
      () => false,
    );
    if (!inside) await logIn({ password: secret });
    enter();
  });
  return [head(t("claim.title"), t("claim.why")), form];
}
