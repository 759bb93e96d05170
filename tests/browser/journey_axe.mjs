// Whether everybody can use it: axe-core on every page in both themes and languages, and the main ways by keyboard alone.
//
//   node tests/browser/journey_axe.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// As journey.mjs; the monitor may be claimed already. Serious and critical findings fail.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, journey, live, overflow } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_axe.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { context, page, open, step, shot, go, enter, end, forgive } = await journey(base, shots);
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

/** What axe finds in the dialog, else on the page as it is: `rule: where`. */
async function findings(target, rules = RULES) {
  await target.evaluate(axe);
  // What lies behind a dialog was looked at without it.
  const run = (chosen) => globalThis.axe.run(document.querySelector("dialog[open]") ?? document, chosen);
  const { violations } = await target.evaluate(run, rules);
  return violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .flatMap((v) => v.nodes.slice(0, 4).map((n) => `${v.id}: ${n.target.join(" ")} ${why(n)}`));
}

const why = (node) => {
  const { data } = node.any[0] ?? {};
  return data?.contrastRatio
    ? `(${data.fgColor} on ${data.bgColor}: ${data.contrastRatio}, ${data.fontSize})`
    : "";
};

if (code !== "-") {
  await step("logging in", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const { context: stranger, page: gate } = await open({ colorScheme });
      await go("/login", gate);
      await gate.waitForSelector('form input[type="password"]');
      const found = await findings(gate);
      await stranger.close();
      expect(!found.length, `${colorScheme}: ${found.join(" | ")}`);
    }
  });
}
await enter(code);
const storageState = await context.storageState();
const ask = (path) => page.evaluate(async (p) => (await fetch(p)).json(), path);
const { alerts } = await ask("/api/alerts?state=all&limit=1");
const { devices } = await ask("/api/devices");

/** Presses the first thing of these that is there; a state that a page does not have is skipped. */
const press = (selector) => async (target) => {
  const at = target.locator(selector).first();
  if (!(await at.count())) return false;
  await at.click();
  await target.waitForTimeout(400);
  return true;
};
const key = (keys) => async (target) => {
  for (const k of keys.split(" ")) await target.keyboard.press(k);
  await target.waitForTimeout(400);
  return true;
};

// Name, path, and what brings about the state.
const STATES = [
  ["overview", "/"],
  ["alerts", "/alerts?state=all"],
  ["no alerts", "/alerts?q=zzz-nothing"],
  alerts[0] && ["an alert", `/alerts?state=all&id=${alerts[0].id}`],
  alerts[0] && ["acknowledging", `/alerts?state=all&id=${alerts[0].id}`, press('.detail [data-key="e"]:visible')],
  alerts[0] && ["muting", `/alerts?state=all&id=${alerts[0].id}`, press('.detail [data-key="m"]:visible')],
  ["devices", "/devices"],
  devices[0] && ["a device", `/devices/${devices[0].id}`],
  ["history", "/history"],
  ["health", "/health"],
  ["settings, all open", "/settings", openAll],
  ["account", "/account"],
  code !== "-" && ["adding a viewer", "/account", press('[aria-label="People"] button:last-of-type, [aria-label="Mensen"] button:last-of-type')],
  ["mutes", "/alerts", press(".page-head > button")],
  ["kiosk, alerts", "/kiosk?screens=alerts"],
  ["kiosk, traffic", "/kiosk?screens=traffic"],
  ["kiosk, devices", "/kiosk?screens=devices"],
  ["kiosk, talkers", "/kiosk?screens=talkers"],
  ["kiosk, health", "/kiosk?screens=health"],
  ["kiosk settings", "/kiosk", press(".kiosk-tools button:nth-of-type(3)")],
  ["what it sees", "/", press(".sight")],
  ["search", "/", key("/")],
  ["help", "/", key("?")],
  ["unknown", "/devices/no-such-device"],
].filter(Boolean);

async function openAll(target) {
  await target.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  return true;
}

// Each state is loaded twice; the theme that it was not loaded in is held against the one rule that depends on it.
const CONTRAST = { runOnly: ["color-contrast"] };
for (const [colorScheme, other, locale, width] of [
  ["light", "dark", "en-GB", 1280],
  ["dark", "light", "nl-NL", 360],
]) {
  const height = width === 360 ? 740 : 860;
  const { context: own, page: target } = await open({
    colorScheme,
    locale,
    storageState,
    viewport: { width, height },
  });
  for (const [name, path, bring] of STATES) {
    await step(`${name}, ${locale.slice(0, 2)}, ${width} px`, async () => {
      if ((await go(path, target)).status() === 404) return "skipped: there is no such page";
      await live(target);
      await target.waitForTimeout(700);
      if (bring && !(await bring(target))) return "skipped: this page has no such state";
      const found = await findings(target);
      const over = await overflow(target);
      const cut = await target.evaluate(cutOff);
      await target.emulateMedia({ colorScheme: other });
      found.push(...(await findings(target, CONTRAST)).map((f) => `${other}: ${f}`));
      if (found.length || over > 0) await shot(`axe-${name.replace(/\W+/g, "-")}-${width}`, target);
      await target.emulateMedia({ colorScheme });
      expect(!found.length, found.join(" | "));
      expect(over <= 0, `it sticks out by ${over} px`);
      expect(!cut.length, `the navigation has no room for ${cut}`);
      const lang = await target.getAttribute("html", "lang");
      expect(locale.startsWith(lang), `the page says it is ${lang}`);
    });
  }
  await own.close();
}

// Runs in the page: what of the navigation has no room.
function cutOff() {
  const wider = (el) => el.getBoundingClientRect().width > el.parentElement.getBoundingClientRect().width + 1;
  const words = [...document.querySelectorAll("header.top nav a span")].filter((el) => el.checkVisibility());
  return words.filter(wider).map((el) => el.textContent);
}

/** Presses Tab until the focus is on what `test` says, and answers how often. */
async function tabTo(selector, most = 120) {
  for (let n = 1; n <= most; n += 1) {
    await page.keyboard.press("Tab");
    const [there, visible] = await page.evaluate((s) => {
      const el = document.activeElement;
      // A box around a field may wear the ring for it.
      const ring = [[el], [el, "::after"], [el.parentElement]].some((at) => {
        const style = getComputedStyle(...at);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
      });
      return [el.matches(s), ring || el.matches("body, main, .skip")];
    }, selector);
    const who = () => page.evaluate(() => document.activeElement.outerHTML.slice(0, 80));
    expect(visible, `no focus to be seen on ${await who()}`);
    if (there) return n;
  }
  throw new Error(`Tab never came to ${selector}`);
}

await step("by keyboard: the skip link leads past the navigation", async () => {
  await go("/");
  await live(page);
  await page.waitForTimeout(500);
  await page.keyboard.press("Tab");
  expect(
    await page.evaluate(() => document.activeElement.matches(".skip")),
    "the first stop is not the skip link",
  );
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement.id === "main"), "it does not lead to the content");
});

await step("by keyboard: every page of the navigation opens, and the focus is seen on the way", async () => {
  const pages = await page.locator("header.top nav a").evaluateAll((links) => links.map((a) => a.dataset.nav));
  for (const id of pages) {
    await go("/");
    await live(page);
    await tabTo(`a[data-nav="${id}"]`);
    await page.keyboard.press("Enter");
    await page.waitForFunction((wanted) => document.documentElement.dataset.page === wanted, id);
  }
  return pages.join(", ");
});

await step("by keyboard: an alert is found, opened and acknowledged", async () => {
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForSelector(".alert-list .row, .empty");
  if (!(await page.locator(".alert-list .row").count())) return "skipped: no open alerts";
  await tabTo(".alert-list [data-focus], .alert-list a");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail h2");
  await page.keyboard.press("e");
  await page.waitForSelector("dialog[open]");
  await tabTo("dialog button.primary", 12);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
});

await step("by keyboard: a dialog keeps the focus inside, and gives it back", async () => {
  await go("/");
  await live(page);
  await page.waitForTimeout(500);
  await tabTo("header.top button");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  for (let i = 0; i < 6; i += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(
      () => document.activeElement === document.body || Boolean(document.activeElement.closest("dialog")),
    );
    expect(inside, "the focus left the dialog");
  }
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  expect(await page.evaluate(() => document.activeElement.matches("header.top button")), "the focus is lost");
});

await step("nothing moves where less motion is wished for", async () => {
  const { context: own, page: calm } = await open({ storageState, reducedMotion: "reduce" });
  for (const path of ["/", "/alerts", "/devices", "/kiosk"]) {
    await go(path, calm);
    await live(calm);
    await calm.waitForTimeout(500);
    const moving = await calm.evaluate(
      () => document.getAnimations().filter((a) => a.effect.getTiming().duration > 1).length,
    );
    expect(!moving, `${path}: ${moving} animations`);
  }
  await own.close();
});

// Pages and a device that are not there were asked for on purpose.
forgive(/status of 404/);
await end();
