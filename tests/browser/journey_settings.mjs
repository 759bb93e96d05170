// Settings, health and the test of the alarm, in a real browser.
//
//   node tests/browser/journey_settings.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// BASE_URL is a live monitor (with `-` as CLAIM_CODE: one without a password); it changes settings and takes them back.

import { readFile } from "node:fs/promises";
import { expect, journey, live as isLive, overflow as widthOver, rawWords } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_settings.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { page, open, context, enter, shot, step, go, text, forgive, end } = await journey(base, shots);
const live = (target = page) => isLive(target);
const setting = (key, target = page) => target.locator(`.setting[data-key="${key}"]`);
const inForce = (key) =>
  page.evaluate(async (k) => (await (await fetch("api/settings")).json()).settings.find((s) => s.key === k), key);
const QUIET = "detect.quiet_period_s";
const PORTS = "detect.port_scan.ports";

async function settings() {
  await go("/settings");
  await live();
  await setting(QUIET).waitFor();
}

async function save() {
  await page.locator(".save-bar button.primary").click();
  await page.locator("dialog button.primary").click();
  await page.waitForSelector("dialog", { state: "detached" });
}

// The page asks before it is left with changes that are not saved.
page.on("dialog", (d) => d.accept());
await enter(code);

await step("every setting is there with where it comes from", async () => {
  await settings();
  const n = await page.locator(".setting").count();
  expect(n > 150, `${n} settings`);
  expect(/default/.test(await setting(QUIET).innerText()), "its source is told");
  await shot("settings");
  return `${n} settings`;
});

await step("a search finds a threshold, and a kind opens to show it", async () => {
  await page.fill('input[name="settings-search"]', "port_scan.ports");
  await setting(PORTS).locator("input").waitFor({ state: "visible" });
  expect(!(await setting(QUIET).isVisible()), "what does not fit is hidden");
  await shot("settings-search");
});

await step("a changed threshold is shown before it is saved, and in force after", async () => {
  await setting(PORTS).locator("input").fill("44");
  await setting(PORTS).locator("input").press("Tab");
  await page.waitForSelector(".save-bar:not([hidden])");
  await page.locator(".save-bar button.primary").click();
  const summary = await text("dialog .changes");
  expect(/20.*44/s.test(summary), `the summary says ${summary}`);
  await shot("settings-summary");
  await page.locator("dialog button.primary").click();
  await page.waitForSelector("dialog", { state: "detached" });
  const now = await inForce(PORTS);
  expect(now.value === 44 && now.origin === "page", JSON.stringify(now));
  await page.fill('input[name="settings-search"]', "port_scan.ports");
  expect(/changed/.test(await setting(PORTS).innerText()), "it is marked as changed");
});

await step("the toast takes it back", async () => {
  await page.locator(".toast button").first().click();
  await page.getByText("The last change was taken back.").waitFor();
  const now = await inForce(PORTS);
  expect(now.value === 20 && now.origin === "default", JSON.stringify(now));
});

await step("a backup comes out, shows what it would change, and changes it", async () => {
  await settings();
  const card = page.locator(".backup");
  const coming = page.waitForEvent("download");
  await card.getByRole("button", { name: "Download backup" }).click();
  const backup = JSON.parse(await readFile(await (await coming).path(), "utf8"));
  expect(backup.format === "netmonitor-backup" && !backup.secrets, "a backup without secrets");
  backup.settings[QUIET] = 77;
  backup.devices.push({
    id: "0200000000ee",
    macs: ["02:00:00:00:00:ee"],
    name: "Attic <b>camera</b>",
    first_seen: "2026-01-01T00:00:00Z",
    last_seen: "2026-01-02T00:00:00Z",
  });
  const file = { name: "backup.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(backup)) };
  await card.locator('input[type="file"]').setInputFiles(file);
  const plan = await text("dialog .changes");
  expect(/quiet_period_s.*77/s.test(plan) && plan.includes("Attic <b>camera</b>"), `the plan says ${plan}`);
  expect((await inForce(QUIET)).value !== 77, "nothing changes before it is confirmed");
  await shot("restore");
  await page.locator("dialog button.primary").click();
  await page.getByText("Restored:").waitFor();
  expect((await inForce(QUIET)).value === 77, "the setting came over");
  const damaged = { ...file, buffer: file.buffer.subarray(0, 100) };
  await card.locator('input[type="file"]').setInputFiles(damaged);
  await page.getByText("That is no backup").waitFor();
  await page.evaluate((key) => fetch("api/settings", { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ [key]: null }) }), QUIET);
});

await step("a wrong value is told beside its field, and nothing is saved", async () => {
  await settings();
  await setting(QUIET).locator("input").fill("5");
  await setting(QUIET).locator("input").press("Tab");
  await setting("network.home").locator("textarea").fill("192.168.1.0/240");
  await setting("network.home").locator("textarea").press("Tab");
  await page.locator(".save-bar button.primary").click();
  await page.locator("dialog button.primary").click();
  await setting(QUIET).locator(".problem").waitFor();
  const said = [await setting(QUIET).locator(".problem").innerText(), await setting("network.home").locator(".problem").innerText()];
  expect(/10 to 604800/.test(said[0]) && /not a network/.test(said[1]), said.join(" | "));
  expect((await setting(QUIET).locator("input").getAttribute("aria-invalid")) === "true", "it is marked invalid");
  await shot("settings-wrong");
  expect((await inForce(QUIET)).origin === "default", "nothing was saved");
  forgive(/status of 400.*\/api\/settings/);
  await page.locator(".save-bar button").first().click();
  await page.waitForSelector(".save-bar", { state: "hidden" });
  return said.join(" | ");
});

await step("lists, names, rules and switches are saved and read back", async () => {
  const fills = {
    "network.home": ["10.0.0.0/8\n192.168.0.0/16", ["10.0.0.0/8", "192.168.0.0/16"]],
    "devices.names": ["02:00:00:00:00:01 = Printer <b>", { "02:00:00:00:00:01": "Printer <b>" }],
    "detect.allow": ["kind=port_scan source=192.168.1.5", [{ kind: "port_scan", source: "192.168.1.5" }]],
  };
  for (const [key, [given]] of Object.entries(fills)) {
    await setting(key).locator("textarea").fill(given);
    await setting(key).locator("textarea").press("Tab");
  }
  await setting("log.level").locator("select").selectOption("debug");
  await save();
  for (const [key, [, value]] of Object.entries(fills)) {
    const now = (await inForce(key)).value;
    expect(JSON.stringify(now) === JSON.stringify(value), `${key} is ${JSON.stringify(now)}`);
  }
  expect((await inForce("log.level")).value === "debug", "the choice is in force");
  await page.getByText("Latest changes").waitFor();
  await shot("settings-changed");
});

await step("a change is reset, and another opens in a second window by itself", async () => {
  const second = await context.newPage();
  await go("/settings", second);
  await live(second);
  await setting("log.level", second).waitFor();
  await setting("log.level").getByRole("button", { name: /Reset/ }).click();
  await save();
  expect((await inForce("log.level")).origin === "default", "it is the default again");
  await second.waitForFunction(
    () => document.querySelector('.setting[data-key="log.level"] select')?.value === "info",
  );
  await second.close();
});

await step("undo walks back to the beginning", async () => {
  const ours = ["network.home", "devices.names", "detect.allow", "log.level"];
  for (let n = 0; n < 2; n += 1) {
    await page.locator(".changes button").first().click();
    await page.waitForTimeout(700);
  }
  for (const key of ours) expect((await inForce(key)).origin === "default", `${key} is still changed`);
});

await step("what could lock out is shown and not editable, with the reason", async () => {
  const port = setting("dashboard.max_viewers");
  expect(await port.locator("input").isDisabled(), "it can be edited");
  expect(/lock you out/.test(await port.innerText()), await port.innerText());
});

await step("the alarm is tested: every stage lights, this browser last", async () => {
  await go("/health");
  await live();
  await page.getByRole("button", { name: "Test my alarm" }).click();
  await page.waitForSelector('.verdict[data-state]', { timeout: 15_000 });
  const states = await page.locator(".stage").evaluateAll((all) => all.map((s) => `${s.dataset.stage} ${s.dataset.state}`));
  await shot("health-selftest");
  expect(states.length === 6 && states.every((s) => s.endsWith("passed")), states.join(", "));
  return text(".verdict");
});

await step("a stage that fails is red and says what to do", async () => {
  const fake = (route) =>
    route.fulfill({
      json: {
        passed: false,
        nonce: "x",
        stages: ["capture", "parser", "detector", "store", "stream"].map((stage) => ({
          stage,
          passed: stage !== "store",
          microseconds: 5,
          detail: stage === "store" ? "no space left on device" : "fine",
        })),
      },
    });
  await context.route("**/api/selftest", fake);
  await page.getByRole("button", { name: "Test my alarm" }).click();
  await page.waitForSelector('.stage[data-stage="browser"][data-state="failed"]');
  const store = await text('.stage[data-stage="store"]');
  expect(/card is full/.test(store) && /no space left/.test(store), store);
  expect(/Live figures do not reach/.test(await text('.stage[data-stage="browser"]')), "the canary never came here");
  await shot("health-selftest-failed");
  await context.unroute("**/api/selftest", fake);
});

for (const [lang, button] of [["en", "EN"], ["nl", "NL"]]) {
  await step(`every counter has words (${lang})`, async () => {
    if ((await page.evaluate(() => document.documentElement.lang)) !== lang)
      await page.getByRole("button", { name: button, exact: true }).click();
    await page.waitForSelector(".health-body table");
    await page.waitForTimeout(400);
    const words = await text(".health-body");
    expect(!rawWords(words), `codes instead of words: ${rawWords(words)}`);
    const bare = await page.locator(".counters tr").evaluateAll((rows) =>
      rows.filter((r) => !r.querySelector(".why")?.textContent.trim()).map((r) => r.querySelector("th").textContent),
    );
    expect(!bare.length, `without explanation: ${bare}`);
    await shot(`health-${lang}`);
    return `${await page.locator(".counters tr").count()} counters`;
  });
}

await step("the settings are Dutch in Dutch", async () => {
  await settings();
  expect(/Netwerken die als binnen tellen/.test(await setting("network.home").innerText()), "the doc is English");
  await shot("settings-nl");
  await page.getByRole("button", { name: "EN", exact: true }).click();
});

await step("nothing sticks out at 360 pixels, in the dark", async () => {
  const small = await open({
    viewport: { width: 360, height: 740 },
    colorScheme: "dark",
    storageState: await context.storageState(),
  });
  for (const path of ["/settings", "/health"]) {
    await go(path, small.page);
    await live(small.page);
    await small.page.waitForTimeout(900);
    if (path === "/settings") await small.page.locator(".kinds summary").first().click();
    const over = await widthOver(small.page);
    await shot(`phone${path.replace("/", "-")}`, small.page);
    expect(over <= 0, `${path} sticks out by ${over} px`);
  }
  await small.context.close();
});

await end();
