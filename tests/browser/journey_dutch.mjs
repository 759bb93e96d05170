// The Dutch page is Dutch: every page, every kind of alert and every device is read for words that only English has.
//
//   node tests/browser/journey_dutch.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// As journey.mjs; best against `replay FILE --serve` (with `-` as CLAIM_CODE), whose alerts are all there at once.

import { expect, journey, live, rawWords } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_dutch.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { page, shot, step, go, enter, forgive, end } = await journey(base, shots, { locale: "nl-NL" });

const ENGLISH = /\b(the|and|with|which|that|has|have|are|this|its|from|not|than|when|does|made|looked|asked|used)\b/g;

/** What stands on the page in English, names that devices gave themselves left out. */
const english = (selector = "body") =>
  page.evaluate((at) => {
    const copy = document.querySelector(at).cloneNode(true);
    // A name that a device gave itself, and the switch to the other language, may be in any.
    copy.querySelectorAll("script, style, bdi, .mono, [lang]").forEach((el) => el.remove());
    const said = [...copy.querySelectorAll("[title], [aria-label], [placeholder]")].flatMap((el) =>
      ["title", "aria-label", "placeholder"].map((a) => el.getAttribute(a) ?? ""),
    );
    const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) said.push(walker.currentNode.data);
    return said;
  }, selector);

async function dutch(where, selector) {
  const said = (await english(selector)).filter((text) => !text.includes("This page in English"));
  const wrong = said.filter((text) => text.match(ENGLISH));
  expect(!wrong.length, `${where}: ${wrong.slice(0, 5).join(" | ")}`);
  const raw = rawWords(said.join("\n"));
  return raw ? `codes: ${[...new Set(raw)].slice(0, 5).join(", ")}` : "";
}

const json = (path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

await enter(code);
await step("the page is in Dutch by the language of the browser", async () => {
  expect((await page.getAttribute("html", "lang")) === "nl", "it is not");
});
for (const path of ["/", "/alerts", "/devices", "/health", "/settings"]) {
  await step(`${path} says nothing in English`, async () => {
    await go(path);
    await live(page);
    await page.waitForTimeout(1500);
    await shot(`nl-${path.slice(1) || "overview"}`);
    return dutch(path);
  });
}
await step("the self-test tells its stages in Dutch", async () => {
  const answer = await page.evaluate(async () => (await fetch("/api/selftest", { method: "POST" })).json());
  const same = answer.stages.filter((s) => !s.detail_nl || s.detail === s.detail_nl);
  expect(!same.length, same.map((s) => s.detail).join(" | "));
});
await step("every kind of alert is told in Dutch, evidence and all", async () => {
  const { alerts } = await json("/api/alerts?limit=500");
  const kinds = new Map(alerts.map((a) => [a.kind, a]));
  for (const alert of kinds.values()) {
    await go(`/alerts?state=all&id=${alert.id}`);
    await page.waitForSelector(".detail h2");
    await page.waitForTimeout(300);
    await dutch(alert.kind, ".detail");
  }
  return `${kinds.size} kinds`;
});
await step("every device is told of in Dutch", async () => {
  const { devices } = await json("/api/devices");
  for (const device of devices.slice(0, 20)) {
    await go(`/devices/${device.id}`);
    await page.waitForSelector("main h1");
    await page.waitForTimeout(300);
    await dutch(device.label, "main");
  }
  return `${devices.length} devices`;
});
await step("the frame fits every width, in the longer language", async () => {
  const before = page.viewportSize();
  await go("/");
  await live(page);
  const over = [];
  for (let width = 320; width <= 1500; width += 20) {
    await page.setViewportSize({ width, height: 900 });
    const right = await page.evaluate(() =>
      Math.max(...[...document.querySelectorAll("header.top *")].filter((el) => el.checkVisibility()).map((el) => el.getBoundingClientRect().right)),
    );
    if (right > width + 0.5) over.push(`${width}: by ${Math.ceil(right - width)}`);
  }
  await page.setViewportSize(before);
  expect(!over.length, `sticks out at ${over.join(", ")}`);
});

await step("what does not exist is refused in Dutch", async () => {
  await go("/devices/ip-192.0.2.99");
  await page.waitForTimeout(800);
  await dutch("a device that is not there", "main");
  forgive(/status of 404/);
});
await end();
