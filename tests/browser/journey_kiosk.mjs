// The wall display: screens that take turns, an alert that takes over, a night's reload, and no growth.
//
//   node tests/browser/journey_kiosk.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// As journey.mjs; the monitor may be claimed already.

import { expect, journey, live, overflow } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_kiosk.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { context, page, step, shot, go, text, enter, open, end, forgive } = await journey(base, shots, {
  viewport: { width: 1920, height: 1080 },
});
const heading = () => text(".kiosk-body > h2");
const screens = ["traffic", "alerts", "devices", "talkers", "health"];

await enter(code);

// Another window of the same person.
const another = async () =>
  open({ viewport: { width: 1280, height: 720 }, storageState: await context.storageState() });

/** Waits for the kiosk with its first figures. */
async function kiosk(address, target = page) {
  await go(address, target);
  await live(target);
  await target.waitForSelector(".kiosk-screen:not([hidden])");
}

await step(
  "each screen fills a wall of 1080p and 4K without scrolling, in letters that carry four metres",
  async () => {
    const seen = [];
    for (const [width, height, scheme] of [
      [1920, 1080, "light"],
      [3840, 2160, "dark"],
    ]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      for (const id of screens) {
        await kiosk(`/kiosk?screens=${id}`).catch(() => {});
        if (!(await page.locator(`.kiosk-${id}:not([hidden])`).count())) continue;
        seen.push(id);
        await shot(`kiosk-${id}-${width}`);
        const [x, y] = [
          await overflow(page),
          await page.evaluate(() => document.documentElement.scrollHeight - innerHeight),
        ];
        expect(x <= 0 && y <= 0, `${id} at ${width}: ${x} px too wide, ${y} px too tall`);
        const small = await page.evaluate(() => {
          const texts = [...document.querySelectorAll(".kiosk *")].filter(
            (el) =>
              el.checkVisibility() &&
              !el.closest(".kiosk-tools") &&
              [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim()),
          );
          const small = texts.filter(
            (el) => (parseFloat(getComputedStyle(el).fontSize) / innerHeight) * 1080 < 29,
          );
          return small.map((el) => `${el.tagName}.${el.className}: ${el.textContent.slice(0, 20)}`);
        });
        expect(!small.length, `${id}: too small to read: ${small}`);
        const cut = await page.evaluate(() => {
          const el = document.querySelector(".kiosk-screen:not([hidden])");
          return el.scrollHeight - el.clientHeight;
        });
        expect(cut <= 2, `${id} at ${width}: ${cut} px are cut off`);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1920, height: 1080 });
    expect(seen.includes("traffic") && seen.includes("health"), `only ${seen} had something to say`);
    return [...new Set(seen)].join(", ");
  },
);

await step("screens take turns, and stand still when told to", async () => {
  await kiosk("/kiosk?seconds=3&screens=traffic,devices,health");
  const seen = new Set();
  for (let i = 0; i < 24 && seen.size < 3; i += 1) {
    seen.add(await heading());
    await page.waitForTimeout(500);
  }
  expect(seen.size >= 2, `only ${[...seen]}`);
  await page.keyboard.press(" ");
  const still = await heading();
  await page.waitForTimeout(5000);
  expect((await heading()) === still, "it went on");
  expect(
    (await page.locator(".kiosk-tools").evaluate((el) => getComputedStyle(el).opacity)) === "0",
    "the tools fade",
  );
  return [...seen].join(", ");
});

await step("an urgent alert takes the screen and keeps it until somebody acknowledges it", async () => {
  const answer = await page.evaluate(async () => (await fetch("/api/alerts?state=open&limit=50")).json());
  const urgent = answer.alerts.filter((a) => ["critical", "high"].includes(a.severity));
  if (!urgent.length) return "skipped: no urgent alert";
  // As if it had just happened, however long this monitor has run.
  const fresh = { ...urgent[0], last_time: "2999-01-01T00:00:00.000000Z" };
  await context.route("**/api/dashboard", async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    json.alerts.recent = [fresh, ...json.alerts.recent.filter((a) => a.id !== fresh.id)];
    await route.fulfill({ response, json });
  });
  await kiosk("/kiosk?seconds=3");
  await page.waitForSelector(".kiosk[data-held] .kiosk-alerts:not([hidden]) li");
  await page.waitForTimeout(7000);
  expect(await page.locator(".kiosk-alerts:not([hidden])").count(), "it went on to another screen");
  await context.unroute("**/api/dashboard");
  return text(".kiosk-alerts .summary");
});

await step(
  "its address carries theme, language, screens and seconds, and the settings make that address",
  async () => {
    await kiosk("/kiosk?theme=dark&lang=nl&screens=health&seconds=60");
    expect((await heading()) === "De sensor", await heading());
    const dark = await page.evaluate(
      () => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0] < 60,
    );
    expect(dark, "it is not dark");
    await page.mouse.move(300, 300);
    await page.getByRole("button", { name: "Dit scherm instellen" }).click();
    await page.locator('select[name="lang"]').selectOption("en");
    await page.locator('select[name="theme"]').selectOption("light");
    await page.getByLabel("Verkeer, laatste vijf minuten").check();
    await shot("kiosk-settings");
    await page.locator("dialog button.primary").click();
    await page.waitForFunction(() => document.documentElement.lang === "en");
    await live(page);
    expect(new URL(page.url()).search === "?theme=light&lang=en&seconds=60&screens=traffic%2Chealth", page.url());
    const kept = await page.evaluate(() => [localStorage.getItem("lang"), localStorage.getItem("theme")]);
    expect(
      kept.every((v) => v === null),
      `it changed what other pages of this browser show: ${kept}`,
    );
  },
);

if (code !== "-") {
  await step("a token of its own lets a wall display in, and nowhere else", async () => {
    const made = await page.evaluate(async () => {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ name: "wall", scope: "kiosk" });
      return (await fetch("/api/tokens", { method: "POST", headers, body })).json();
    });
    const { context: wall, page: display } = await open({ viewport: { width: 1920, height: 1080 } });
    await kiosk(`/kiosk?token=${made.token}&theme=dark&lang=nl&screens=health`, display);
    expect(new URL(display.url()).search === "?theme=dark&lang=nl&screens=health", `it leads to ${display.url()}`);
    await display.getByText("De sensor", { exact: true }).waitFor();
    await go("/settings", display);
    expect(new URL(display.url()).pathname === "/kiosk", `it opens ${display.url()}`);
    await wall.close();
  });
}

await step("sound waits for a touch and says so", async () => {
  const { context: other, page: loud } = await another();
  await kiosk("/kiosk?sound=1&screens=health", loud);
  await loud.waitForFunction(() => /Sound is waiting/.test(document.querySelector(".kiosk-told").textContent));
  await loud.mouse.click(400, 400);
  await loud.waitForFunction(() => !/Sound is waiting/.test(document.querySelector(".kiosk-told").textContent));
  await other.close();
});

await step("four hundred turns leave no more behind than forty", async () => {
  await kiosk("/kiosk?seconds=3600");
  const probe = await context.newCDPSession(page);
  const measure = async () => {
    await probe.send("HeapProfiler.collectGarbage");
    const { usedSize } = await probe.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await probe.send("Memory.getDOMCounters");
    return { bytes: usedSize, nodes, listeners: jsEventListeners };
  };
  const turns = async (n) => {
    for (let i = 0; i < n; i += 1) await page.keyboard.press("ArrowRight");
  };
  await turns(40);
  const before = await measure();
  await turns(400);
  const after = await measure();
  const grown = after.bytes - before.bytes;
  expect(grown < 400_000, `the heap grew by ${grown} bytes`);
  expect(after.nodes - before.nodes < 200, `${after.nodes - before.nodes} more nodes`);
  expect(after.listeners <= before.listeners + 2, `${after.listeners - before.listeners} more listeners`);
  return `heap ${(after.bytes / 1e6).toFixed(2)} MB, ${grown > 0 ? "+" : ""}${(grown / 1000).toFixed(0)} kB, ${after.nodes} nodes`;
});

await step("at half past three at night it loads itself again, but only while the monitor answers", async () => {
  const { context: other, page: night } = await another();
  await night.clock.install({ time: new Date("2026-03-03T01:00:00") });
  await go("/kiosk?screens=traffic,health", night);
  let loads = 0;
  night.on("framenavigated", () => (loads += 1));
  await night.waitForSelector(".kiosk");
  const away = (route) => route.abort();
  await other.route("**/healthz", away);
  await night.clock.pauseAt(new Date("2026-03-03T04:10:00"));
  await night.clock.runFor(2000);
  await night.waitForTimeout(500);
  expect(loads === 0, "it reloads into nothing");
  await other.unroute("**/healthz", away);
  await night.clock.fastForward(301_000);
  await night.clock.runFor(2000);
  await night.waitForTimeout(1000);
  expect(loads === 1, `it loaded ${loads} times`);
  await other.close();
  forgive(/ERR_FAILED/);
});

await step("the kiosk comes back by itself when the monitor was away", async () => {
  await kiosk("/kiosk?screens=traffic,health");
  const away = (route) => route.abort();
  await context.route("**/api/**", away);
  await page.evaluate(() => window.dispatchEvent(new Event("offline")));
  await go("/kiosk?screens=traffic,health");
  await page.waitForSelector('html[data-link="lost"] .notice:not([hidden])');
  await shot("kiosk-lost");
  await context.unroute("**/api/**", away);
  await live(page);
  await page.waitForSelector(".kiosk-screen:not([hidden])");
  forgive(/ERR_FAILED/);
});

await end();
