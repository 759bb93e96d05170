// Five hundred hostile names in a real browser: no script runs, no element is made of them, nothing sticks out, and text is
// shown as text, on every page, narrow and wide.
//
//   target/debug/examples/traffic hostile /tmp/hostile.pcap
//   target/debug/netmonitor replay /tmp/hostile.pcap --serve
//   node tests/browser/journey_hostile.mjs BASE_URL - SCREENSHOT_DIR

import { expect, journey, live, overflow } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_hostile.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { page, context, open, step, shot, go, enter, forgive, end } = await journey(base, shots);
await enter(code);
const storageState = await context.storageState();
const ask = (path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

const { devices } = await ask("/api/devices");
const { alerts } = await ask("/api/alerts?state=all&limit=500");
const TREACHEROUS =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
// What the page makes itself; every other element came out of a name.
const FOREIGN =
  "img, iframe, object, embed, style, marquee, plaintext, form[action], meta[http-equiv], main script, main link, main b b, main h1 h1";

/** Goes to a page, reads it, and fails when a name has become more than text. */
async function look(target, path, bring) {
  await go(path, target);
  await live(target);
  await target.waitForTimeout(500);
  await bring?.(target);
  const seen = await target.evaluate(
    ([foreign, treacherous]) => ({
      owned: "owned" in window || new URL(document.baseURI).origin !== location.origin,
      made: [...document.querySelectorAll(foreign)].map((el) => el.outerHTML.slice(0, 80)),
      handlers: [...document.querySelectorAll("*")]
        // The page's own icon comes in its document.
        .filter((el) => el.rel !== "icon")
        .filter((el) =>
          [...el.attributes].some(
            (a) =>
              a.name.startsWith("on") ||
              (/^\s*(javascript|data|file):/i.test(a.value) &&
                ["href", "src", "action", "xlink:href"].includes(a.name)),
          ),
        )
        .map((el) => el.outerHTML.slice(0, 80)),
      hidden: [...document.querySelectorAll("*")]
        .flatMap((el) =>
          [...el.childNodes]
            .filter((n) => n.nodeType === 3)
            .map((n) => n.data)
            .concat([...el.attributes].map((a) => a.value)),
        )
        .filter((text) => new RegExp(treacherous).test(text))
        .map((text) => JSON.stringify(text.slice(0, 60))),
      text: document.body.innerText,
      wide: [...document.querySelectorAll("main *")]
        .filter((el) => el.checkVisibility() && el.getBoundingClientRect().right > innerWidth + 1 && !clipped(el))
        .map((el) => `${el.tagName}.${el.className}`)
        .slice(0, 3),
    }),
    [FOREIGN, TREACHEROUS.source],
  );
  expect(!seen.owned, `${path}: a name ran as script`);
  expect(!seen.made.length, `${path}: a name became an element: ${seen.made}`);
  expect(!seen.handlers.length, `${path}: a name became a handler or an address: ${seen.handlers}`);
  expect(!seen.hidden.length, `${path}: characters that hide or turn text: ${seen.hidden.slice(0, 3)}`);
  const over = await overflow(target);
  expect(over <= 0, `${path}: sticks out by ${over} px`);
  expect(!seen.wide.length, `${path}: ${seen.wide} stick out of the window`);
  return seen.text;
}

// Runs in the page: whether something around `el` cuts off what sticks out.
const prepare = (target) =>
  target.addInitScript(() => {
    globalThis.clipped = (el) => {
      for (let p = el.parentElement; p; p = p.parentElement) {
        if (getComputedStyle(p).overflowX !== "visible") return true;
      }
      return false;
    };
    document.addEventListener("securitypolicyviolation", (e) =>
      console.error(`policy: ${e.violatedDirective} ${e.sample}`),
    );
  });

await step("the capture is the hostile one", async () => {
  expect(devices.length >= 500, `${devices.length} devices`);
  expect(alerts.length >= 100, `${alerts.length} alerts`);
  return `${devices.length} devices, ${alerts.length} alerts`;
});

// One device for each of the hostile things, by what its name or an observed text holds.
const speaking = devices.filter((d) =>
  /<|javascript|\{\{|\$\{|etc\/passwd|W{20}|=cmd|[\u0300-\u0489]{8}|[\u0590-\u06ff]|owned/.test(JSON.stringify(d)),
);
const picked = speaking.filter((_, i) => i % Math.max(1, Math.floor(speaking.length / 24)) === 0);
// Of each kind of alert a few, and those that carry markup.
const telling = alerts.filter((a) => /<|\{\{|W{20}|javascript/.test(JSON.stringify(a)));
const told = [...new Set([...telling.slice(0, 8), ...telling.slice(-4), ...alerts.slice(0, 2)])];

for (const [width, colorScheme, locale] of [
  [360, "light", "en-GB"],
  [1280, "dark", "nl-NL"],
]) {
  const size = { width, height: width === 360 ? 740 : 860 };
  const { context: own, page: target } = await open({ viewport: size, colorScheme, locale, storageState });
  await prepare(target);
  target.on("dialog", (dialog) => {
    console.error(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  for (const path of [
    "/",
    "/alerts",
    "/alerts?state=all",
    "/devices",
    "/history",
    "/health",
    "/settings",
    "/kiosk",
  ]) {
    await step(`${path} at ${width} px`, async () => {
      if ((await target.request.get(new URL(path, base).href)).status() === 404) return "skipped: no such page";
      await look(target, path);
      await shot(`hostile-${path.replace(/\W+/g, "-")}-${width}`, target);
    });
  }
  await step(`the devices are listed by name, down to the last, at ${width} px`, async () => {
    const text = await look(target, "/devices", async (t) => {
      for (let i = 0; i < 12; i += 1) {
        await t.evaluate(() => scrollBy(0, 4000));
        await t.waitForTimeout(60);
      }
    });
    return `${text.length} characters`;
  });
  // Half of them narrow, the other half wide.
  const here = picked.filter((_, i) => i % 2 === (width === 360 ? 0 : 1));
  await step(`${here.length} devices of hostile names, each on its page, at ${width} px`, async () => {
    let shown = 0;
    for (const device of here) {
      const text = await look(target, `/devices/${device.id}`);
      shown += text.includes(device.label.trim().slice(0, 20));
    }
    await shot(`hostile-device-${width}`, target);
    expect(shown > here.length * 0.7, `only ${shown} of ${here.length} names stand on their page as they are`);
    return `${shown} names as they are`;
  });
  await step(`${told.length} alerts that carry hostile texts at ${width} px`, async () => {
    for (const alert of told) await look(target, `/alerts?state=all&id=${alert.id}`);
    await shot(`hostile-alert-${width}`, target);
  });
  await step(`hostile words in the address and in the search at ${width} px`, async () => {
    for (const word of [
      "<img src=x onerror=owned=1>",
      "\u202egpj",
      "javascript:owned=1",
      "'\"><script>owned=1</script>",
    ]) {
      const q = encodeURIComponent(word);
      await look(target, `/alerts?q=${q}&kind=${q}&source=${q}`);
      await look(target, `/devices?q=${q}&show=${q}`);
      await look(target, `/kiosk?screens=${q}&theme=${q}&lang=${q}&seconds=${q}`);
    }
    await go("/", target);
    await live(target);
    await target.keyboard.press("/");
    await target.keyboard.type("<img src=x onerror=owned=1>");
    await target.waitForTimeout(600);
    expect(
      !(await target.evaluate(() => "owned" in window || document.querySelector("img"))),
      "the search made an element",
    );
  });
  await own.close();
}

// A kind and an address that there cannot be are refused, in words.
forgive(/status of 400.*\/api\/alerts/);
await step("exports are files of text", async () => {
  for (const path of ["/api/alerts?state=all&format=csv", "/api/alerts?state=all&limit=500"]) {
    const answer = await page.request.get(new URL(path, base).href);
    const body = await answer.text();
    expect(answer.headers()["x-content-type-options"] === "nosniff", path);
    expect(
      /^(text\/csv|application\/json)/.test(answer.headers()["content-type"]),
      answer.headers()["content-type"],
    );
    expect(!TREACHEROUS.test(body.replace(/[\r\n]/g, "")), `${path} carries characters that hide or turn text`);
    if (path.includes("csv"))
      expect(!/(^|,)"?[=+@\t]/m.test(body), `a formula: ${body.match(/(^|,)"?[=+@\t].{20}/m)?.[0]}`);
  }
});

await end();
