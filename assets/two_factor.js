// The second step of logging in: set up with a QR code, ended, recovery codes told once.

import { post } from "./api.js";
import { h, svg } from "./dom.js";
import { t } from "./i18n.js";
import { dialog, field, toast } from "./parts.js";
import { loadMe, state } from "./state.js";

const QUIET = 4;

/** What there is of it, and what can be done about it; `changed` is called after that. */
export function twoFactor(changed) {
  const on = state.me.two_factor;
  const act = (label, f, className = "") => h("button", { type: "button", class: className, onclick: () => f(changed) }, label);
  return [
    h("p", { class: "muted" }, t("two_factor.why")),
    h(
      "p",
      {},
      h("b", {}, t(on ? "two_factor.on" : "two_factor.off")),
      on && [" · ", t("recovery.left", { n: state.me.recovery_codes })],
    ),
    h(
      "div",
      { class: "actions" },
      on
        ? [act(t("recovery.renew"), renew), act(t("two_factor.end"), end)]
        : act(t("two_factor.begin"), begin, "primary"),
    ),
  ];
}

async function begin(changed) {
  let offer;
  try {
    offer = await post("/api/two-factor");
  } catch (error) {
    return toast(error.message, "bad");
  }
  const code = h("input", {
    name: "code",
    inputmode: "numeric",
    autocomplete: "one-time-code",
    required: true,
    autofocus: true,
    maxlength: 10,
  });
  const content = [
    h("p", {}, t("two_factor.scan")),
    picture(offer.qr),
    field(t("two_factor.key"), shown(offer.secret.replace(/(.{4})(?=.)/g, "$1 "))),
    field(t("two_factor.code"), code, t("two_factor.code.hint")),
  ];
  return dialog(t("two_factor"), content, {
    submit: t("two_factor.confirm"),
    onsubmit: async (form) => {
      const { recovery_codes } = await post("/api/two-factor/confirm", { code: form.get("code") });
      await loadMe();
      changed();
      tell(recovery_codes);
    },
  });
}

function end(changed) {
  dialog(t("two_factor.end"), [h("p", {}, t("two_factor.end.why")), secret()], {
    submit: t("two_factor.end"),
    onsubmit: async (form) => {
      await post("/api/two-factor/off", { password: form.get("password") }, { quiet401: true });
      toast(t("two_factor.ended"));
      await loadMe();
      changed();
    },
  });
}

function renew(changed) {
  dialog(t("recovery.renew"), [h("p", {}, t("recovery.renew.why")), secret()], {
    submit: t("recovery.renew"),
    onsubmit: async (form) => {
      const { recovery_codes } = await post("/api/two-factor/recovery", { password: form.get("password") }, { quiet401: true });
      await loadMe();
      changed();
      tell(recovery_codes);
    },
  });
}

const secret = () =>
  field(
    t("password"),
    h("input", { type: "password", name: "password", autocomplete: "current-password", required: true, autofocus: true }),
  );

function tell(codes) {
  const all = h("textarea", { class: "mono codes", rows: codes.length, readonly: true, "aria-label": t("recovery.title") });
  all.value = codes.join("\n");
  all.addEventListener("focus", () => all.select());
  dialog(t("recovery.title"), [h("p", {}, t("recovery.why")), all]);
}

/** A text to copy: one touch selects it. */
export function shown(text) {
  const input = h("input", { class: "mono", readonly: true, value: text, spellcheck: "false" });
  input.addEventListener("focus", () => input.select());
  return input;
}

// Dark on light in both themes: cameras expect that.
function picture(rows) {
  if (!rows.length) return null;
  const dark = rows.flatMap((row, y) => [...row].map((c, x) => (c === "1" ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")));
  const size = rows.length + 2 * QUIET;
  return svg(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": t("two_factor.qr"), "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: dark.join(""), fill: "#000" }),
  );
}
