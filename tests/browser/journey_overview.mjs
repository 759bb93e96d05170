// The first screen, the history and the devices, in a real browser.
//
//   node tests/browser/journey_overview.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// BASE_URL is a monitor that sees traffic for a minute or more (with `-` as CLAIM_CODE: one without a password).

import { expect, journey, overflow, rawWords } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_overview.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { page, step, go, text, shot, enter, end } = await journey(base, shots);

await step("the first screen is there", () => enter(code));

await step("it has all its parts, and each number leads to the page behind it", async () => {
  await page.waitForSelector(".overview[data-ready]");
  const parts = [".state", ".traffic", ".overview .alerts", ".talking", ".places", ".spoken", ".there", ".sensor"];
  for (const part of parts) expect(await page.locator(part).first().isVisible(), `${part} is missing`);
  const dead = await page.evaluate(() =>
    [...document.querySelectorAll(".legend b, .tally b, .cell b, .talkers .figure")]
      .filter((b) => b.checkVisibility() && !b.closest("a[href]") && !b.closest("li")?.querySelector("a[href]"))
      .map((b) => b.parentElement.className),
  );
  expect(!dead.length, `no link behind ${dead}`);
  const raw = rawWords(await text("main"));
  expect(!raw, `codes on the page: ${raw}`);
  for (const panel of await page.locator(".overview .card .empty:visible").all())
    expect((await panel.locator("p").count()) > 1, `an empty panel does not say why: ${await panel.innerText()}`);
  await shot("overview");
});

await step("nothing moves while figures come", async () => {
  const places = () =>
    page.evaluate(() =>
      [...document.querySelectorAll(".overview > *")].map((el) => Math.round(el.getBoundingClientRect().top)).join(),
    );
  const before = await places();
  await page.waitForTimeout(3500);
  expect(before === (await places()), `${before} became ${await places()}`);
});

await step("the chart waits under the pointer and goes on without it", async () => {
  const chart = page.locator(".traffic .chart");
  await chart.hover();
  await page.waitForFunction(() => /paused/.test(document.querySelector(".traffic .moment").textContent));
  const still = () => page.evaluate(() => document.querySelector(".traffic .legend").innerText);
  const seen = await still();
  await page.waitForTimeout(2200);
  expect(seen === (await still()), "the figures moved under the pointer");
  await page.mouse.move(5, 5);
  await page.waitForFunction(() => !/paused/.test(document.querySelector(".traffic .moment").textContent));
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  expect(/\d/.test(await chart.getAttribute("aria-valuetext")), "the keyboard reads nothing");
  expect((await page.locator(".traffic table tbody tr").count()) > 1, "no table beside the chart");
});

await step("it says in words what it sees and what to do, in both languages", async () => {
  await page.waitForFunction(() => !/finding out|bepaald/.test(document.querySelector(".sight").textContent), null, {
    timeout: 90_000,
  });
  const verdict = await text(".sight");
  await page.click(".sight");
  const ways = page.locator("dialog .ways details");
  expect((await ways.count()) === 10, `${await ways.count()} ways to a mirror port`);
  await ways.filter({ hasText: "MikroTik" }).locator("summary").click();
  expect(/mirror-source=ether1/.test(await text("dialog")), "the steps do not open");
  await shot("sight");
  await page.keyboard.press("Escape");
  await page.click('button[lang="nl"]');
  await page.waitForSelector('html[lang="nl"]');
  const dutch = await text(".sight");
  expect(dutch !== verdict && /Zicht/.test(dutch), `in Dutch it says ${dutch}`);
  await page.click('button[lang="en"]');
  return verdict;
});

await step("at 360 px the order is sentence, alerts, traffic, devices", async () => {
  await page.setViewportSize({ width: 360, height: 800 });
  await go("/");
  await page.waitForSelector(".overview[data-ready]");
  const tops = await page.evaluate(() =>
    [".state", ".overview .alerts", ".traffic", ".there"].map(
      (s) => document.querySelector(s).getBoundingClientRect().top,
    ),
  );
  const wide = await overflow(page);
  await shot("overview-360");
  await page.setViewportSize({ width: 1280, height: 860 });
  expect(
    tops.every((top, i) => !i || top > tops[i - 1]),
    `tops are ${tops}`,
  );
  expect(wide <= 0, `${wide} px too wide`);
});

await step("history shows each range, and the range is in the address", async () => {
  for (const range of ["1h", "24h", "7d", "30d"]) {
    await go(`/history?range=${range}`);
    await page.waitForSelector(".totals .total-cell");
    const current = await page.locator(".history .segments [aria-current]").getAttribute("href");
    expect(current.endsWith(`range=${range}`), `${range} shows ${current}`);
    const raw = rawWords(await text("main"));
    expect(!raw, `codes on the page: ${raw}`);
  }
  await go("/history?range=1h");
  await page.waitForSelector(".totals .total-cell");
  await shot("history");
});

await step("a span is zoomed into with the keyboard, by dragging, and out again", async () => {
  await page.locator(".history .chart").focus();
  await page.keyboard.press("+");
  await page.waitForURL(/since=.*until=/);
  await go("/history?range=1h");
  await page.waitForSelector(".totals .total-cell");
  const box = await page.locator(".history .chart").boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, y, { steps: 4 });
  await page.mouse.move(box.x + box.width * 0.9, y, { steps: 4 });
  await shot("history-brush");
  await page.mouse.up();
  await page.waitForURL(/since=.*until=/);
  const minutes = () =>
    page.evaluate(() => {
      const p = new URLSearchParams(location.search);
      return (Date.parse(p.get("until")) - Date.parse(p.get("since"))) / 60_000;
    });
  const zoomed = await minutes();
  expect(zoomed > 15 && zoomed < 33, `${zoomed} minutes`);
  await page.getByRole("button", { name: "Zoom out" }).click();
  await page.waitForFunction((m) => {
    const p = new URLSearchParams(location.search);
    return (Date.parse(p.get("until")) - Date.parse(p.get("since"))) / 60_000 > m * 1.5;
  }, zoomed);
});

await step("history is a table too, and downloads as CSV", async () => {
  await go("/history?range=1h");
  await page.waitForSelector(".totals .total-cell");
  await page.getByRole("button", { name: "Table" }).click();
  expect((await page.locator(".tabled tbody tr").count()) > 0, "no rows");
  const href = await page.getByRole("link", { name: "Download CSV" }).evaluate((a) => a.href);
  const csv = await page.evaluate(async (url) => (await fetch(url)).text(), href);
  expect(csv.startsWith("time,step_seconds,bytes_in"), csv.slice(0, 80));
});

await step("a mark on the axis leads to the alerts of that stretch", async () => {
  await page.getByRole("button", { name: "Chart" }).click();
  await page.waitForTimeout(500);
  if (!(await page.locator(".pins a").count())) return "skipped: no alerts";
  await page.locator(".pins a").first().click();
  await page.waitForURL((url) => url.pathname === "/alerts" && ["since", "until"].every((k) => url.searchParams.has(k)));
  await page.waitForSelector(".alert-list .row");
});

await step("devices are found by words and tokens, and the address keeps them", async () => {
  await go("/devices?q=is:online");
  await page.waitForSelector(".devices tbody tr, .empty");
  const online = await page.locator(".devices tbody tr").count();
  await page.fill('main input[type="search"]', "-is:online");
  await page.waitForFunction(() => location.search.includes("-is"));
  const all = await page.evaluate(async () => (await (await fetch("/api/devices")).json()).devices);
  expect((await page.locator(".devices tbody tr:not(.off)").count()) === 0, "one of those not online is");
  expect(online <= all.length, "more than there are");
  await go("/devices?show=unknown");
  await page.waitForSelector(".devices tbody tr, .empty");
  const csv = await page.evaluate(async () => (await fetch("/api/devices?format=csv")).text());
  expect(csv.startsWith("id,label,name"), csv.slice(0, 60));
  await shot("devices-unknown");
});

await step("a device is renamed where it stands, and then is known", async () => {
  const strange = await page.evaluate(async () => {
    const { devices } = await (await fetch("/api/devices")).json();
    return (devices.find((d) => d.known === false) ?? devices[0])?.id;
  });
  if (!strange) return "skipped: no devices";
  await go(`/devices/${strange}`);
  await page.getByRole("button", { name: "Rename" }).click();
  await page.fill('input[name="name"]', "A");
  await page.keyboard.press("Escape");
  expect(!(await page.locator('input[name="name"]').isVisible()), "Escape does not leave");
  const device = () => page.evaluate(async (id) => (await fetch(`/api/devices/${id}`)).json(), strange);
  const before = await device();
  await page.getByRole("button", { name: "Rename" }).click();
  const long = "Journey <b>device</b> with a name of sixty-three letters, no less";
  await page.fill('input[name="name"]', long.slice(0, 60));
  await page.keyboard.press("Enter");
  await page.waitForFunction((words) => document.querySelector("h1").textContent.includes(words), long.slice(0, 60));
  expect((await device()).known === true, "it is not known");
  expect((await overflow(page)) <= 0, "the name is too wide");
  await shot("device");
  await page.uncheck('input[name="known"]');
  await page.check('input[name="important"]');
  await page.locator("form.card button.primary").click();
  await page.waitForSelector("button.know");
  expect((await device()).important === true, "it is not important");
  await page.locator("button.know").click();
  await page.waitForSelector("button.know", { state: "detached" });
  await page.evaluate(
    ({ id, body }) =>
      fetch(`/api/devices/${id}`, { method: "PATCH", headers: { "content-type": "application/json" }, body }),
    {
      id: strange,
      body: JSON.stringify({ name: before.name ?? "", important: before.important, known: before.known }),
    },
  );
});

await step("a device's last day and week are bars and tables", async () => {
  const busy = await page.evaluate(async () => {
    const { devices } = await (await fetch("/api/devices")).json();
    return devices.sort((a, b) => b.bytes_in_today - a.bytes_in_today)[0]?.id;
  });
  if (!busy) return "skipped: no devices";
  await go(`/devices/${busy}`);
  await page.waitForSelector(".lately");
  const chart = page.locator(".lately .bars").first();
  if (!(await chart.count())) return "skipped: nothing moved";
  expect(/received/.test(await chart.getAttribute("aria-label")), "the bars say nothing");
  await page.locator(".lately button").first().click();
  expect((await page.locator(".lately table tbody tr").count()) === 24, "not 24 rows");
});

await end();
