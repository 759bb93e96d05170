// "Test my alarm": sends a canary through capture, parser, detector, store and stream, and waits for it in this browser.
// Each stage lights as it is reported; one that fails says what to do.

import { post } from "./api.js";
import { fill, h } from "./dom.js";
import { count } from "./format.js";
import { said, t } from "./i18n.js";
import { on, state } from "./state.js";

const STAGES = ["capture", "parser", "detector", "store", "stream", "browser"];
// The canary is at this browser within a second, or events do not reach it as they should.
const BROWSER_MS = 1000;
// Stages are reported together; one after another can be followed by the eye.
const STEP_MS = 180;

/** The button and its lamps; `folded`: the lamps show once it is pressed. */
export function alarmTest(view, { folded = false } = {}) {
  const lamps = STAGES.map((id) => {
    const word = h("span", { class: "stage-word" }, t(`stage.${id}`));
    const says = h("small", {}, t(`stage.${id}.what`));
    return { id, says, el: h("li", { class: "stage", "data-stage": id }, h("i", { class: "stage-lamp" }), h("div", {}, word, says)) };
  });
  const verdict = h("p", { class: "verdict", role: "status" });
  const button = h("button", { type: "button", class: "primary", "data-change": true, onclick: test }, t("selftest.go"));
  const stages = h("ol", { class: "stages", hidden: folded }, lamps.map((l) => l.el));
  const gone = { now: false };
  view.cleanup(() => (gone.now = true));
  return h(
    "div",
    { class: "selftest" },
    h("p", { class: "muted" }, t("selftest.why")),
    h("p", {}, button),
    stages,
    verdict,
  );

  async function test() {
    button.disabled = true;
    stages.hidden = false;
    fill(verdict);
    for (const { id, el, says } of lamps) {
      el.dataset.state = "waiting";
      fill(says, t(`stage.${id}.what`));
    }
    const nonce = crypto.randomUUID?.() ?? `${Date.now()}-${Math.floor(Math.random() * 1e9)}`;
    const arrival = listen(nonce);
    try {
      const answer = await post("/api/selftest", { nonce });
      const browser = arrival.within(BROWSER_MS);
      const told = new Map((answer?.stages ?? []).map((s) => [s.stage, s]));
      let bad = 0;
      for (const lamp of lamps.slice(0, -1)) {
        if (gone.now) return;
        bad += light(lamp, told.get(lamp.id)) ? 0 : 1;
        await new Promise((resolve) => setTimeout(resolve, calm() ? 0 : STEP_MS));
      }
      const took = await browser;
      bad += light(lamps.at(-1), { passed: took !== null, microseconds: (took ?? 0) * 1000, detail: browserWords() }) ? 0 : 1;
      fill(verdict, t(bad ? "selftest.bad" : "selftest.good"));
      verdict.dataset.state = bad ? "failed" : "passed";
    } catch (error) {
      for (const { el } of lamps) delete el.dataset.state;
      fill(verdict, `${t("selftest.failed")} ${error.message}`);
      verdict.dataset.state = "failed";
    } finally {
      arrival.end();
      button.disabled = false;
    }
  }
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function light({ id, el, says }, stage) {
  const passed = stage?.passed === true;
  el.dataset.state = passed ? "passed" : "failed";
  const took = stage?.microseconds;
  const time = took ? ` (${took < 1000 ? `${count(took)} µs` : `${count(Math.round(took / 1000))} ms`})` : "";
  fill(
    says,
    passed
      ? `${t("passed")}${time}`
      : [h("b", {}, `${t("failed")}. `), t(`stage.${id}.todo`), stage?.detail && ` ${said(stage, "detail")}.`],
  );
  return passed;
}

const browserWords = () => (state.link.status === "live" ? "" : t("stage.browser.link", { status: t(`link.${state.link.status}`) }));

// Listens for the canary on this page's own stream: how long it took, or `null` when it did not come in time.
function listen(nonce) {
  const began = performance.now();
  let hear;
  const heard = new Promise((resolve) => (hear = resolve));
  const end = on("status", (status) => status.nonce === nonce && hear(Math.max(1, Math.round(performance.now() - began))));
  const late = (ms) => new Promise((resolve) => setTimeout(() => resolve(null), ms));
  return { end, within: (ms) => Promise.race([heard, late(ms)]) };
}
