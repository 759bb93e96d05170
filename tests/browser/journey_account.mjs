// Accounts in a real browser: a viewer who may only look, a second step with codes, sessions ended, a wall display.
//
//   npm ci --prefix tests/browser
//   node tests/browser/journey_account.mjs BASE_URL CLAIM_CODE_OR_- SCREENSHOT_DIR [PASSWORD]
//
// BASE_URL is a monitor that nobody has claimed yet, or (with `-` as code) one whose administrator has PASSWORD
// (default: the one that journey.mjs sets). CHROMIUM names the browser (default /usr/bin/chromium). Prints one line
// per step, then `N passed, N failed`; exits 1 when one failed. Leaves the administrator's password as it was.

import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base, code, shots, given] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_account.mjs BASE_URL CLAIM_CODE_OR_- SCREENSHOT_DIR [PASSWORD]");
  process.exit(2);
}
mkdirSync(shots, { recursive: true });
const origin = new URL(base).origin;
const password = given ?? "correct horse battery staple";
const hers = "grandmother likes tulips";
const results = { passed: 0, failed: 0 };
const complaints = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"],
});

async function someone(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("console", (m) => {
    const expected = /status of (401|403|409|422|429)/.test(m.text());
    if (["error", "warning"].includes(m.type()) && !expected) complaints.push(`${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", (e) => complaints.push(e.stack ?? e.message));
  return page;
}

let current = null;
async function step(name, run) {
  try {
    const note = await run();
    results.passed += 1;
    console.log(`ok    ${name}${note ? ` (${note})` : ""}`);
  } catch (error) {
    results.failed += 1;
    console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\n").slice(0, 3).join(" ")}`);
    await current?.screenshot({ path: join(shots, `account-failed-${results.failed}.png`) }).catch(() => {});
  }
}

function expect(condition, words) {
  if (!condition) throw new Error(words);
}

const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
const live = (page) => page.waitForSelector('html[data-link="live"]', { timeout: 20_000 });
const go = (page, path) => page.goto(origin + path, { waitUntil: "domcontentloaded" });
const card = (page, title) => page.getByRole("region", { name: title, exact: true });

/** The code of an authenticator app, `steps` half minutes from now. */
function codeOf(key, steps = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...key.replaceAll(" ", "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const secret = Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", secret).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function logIn(page, { name, secret }) {
  await go(page, "/login");
  await page.waitForSelector('input[name="password"]');
  if (name) {
    await page.getByRole("button", { name: "Log in under another name" }).click();
    await page.fill('input[name="username"]', name);
  }
  await page.fill('input[name="password"]', secret);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

const owner = await someone();
const viewer = await someone();
current = owner;

await step("the administrator comes in", async () => {
  if (code === "-") await logIn(owner, { secret: password });
  else {
    await go(owner, "/");
    await owner.fill('input[name="code"]', "not-the-code");
    await owner.fill('input[name="password"]', password);
    await owner.fill('input[name="again"]', password);
    await owner.click("button.primary");
    await owner.waitForFunction(() => /not the claim code/.test(document.querySelector(".problem")?.textContent));
    await owner.fill('input[name="code"]', code);
    await owner.click("button.primary");
  }
  await live(owner);
});

await step("the account page is reached from the frame, and says who one is", async () => {
  await owner.getByRole("link", { name: "Account" }).first().click();
  await card(owner, "You").getByText("admin", { exact: true }).waitFor();
  await card(owner, "Who is logged in where").getByText("this browser").waitFor();
  await shot(owner, "account-administrator");
});

await step("a viewer is added", async () => {
  await card(owner, "People").getByRole("button", { name: "Add a viewer" }).click();
  await owner.fill('dialog input[name="name"]', "Grandma");
  await owner.fill('dialog input[name="password"]', "short");
  await owner.locator("dialog button.primary").click();
  await owner.waitForFunction(() => /at least 8/.test(document.querySelector("dialog .problem")?.textContent));
  await owner.fill('dialog input[name="password"]', hers);
  await owner.locator("dialog button.primary").click();
  await card(owner, "People").getByText("Grandma").waitFor();
});

await step("the viewer logs in by name, and a wrong pair is refused in words", async () => {
  current = viewer;
  await logIn(viewer, { name: "Grandma", secret: "not her password" });
  await viewer.waitForFunction(() => /do not go together/.test(document.querySelector(".problem")?.textContent));
  await viewer.fill('input[name="password"]', hers);
  await viewer.getByRole("button", { name: "Log in", exact: true }).click();
  await live(viewer);
});

await step("the viewer is offered nothing that changes things, on any page", async () => {
  for (const path of ["/", "/alerts", "/devices", "/health", "/settings"]) {
    await go(viewer, path);
    await live(viewer);
    await viewer.waitForSelector('html[data-role="viewer"]');
    const offered = await viewer.evaluate(() =>
      [...document.querySelectorAll("[data-change]")].filter((el) => el.checkVisibility({ visibilityProperty: true })).map((el) => el.outerHTML.slice(0, 60)),
    );
    expect(!offered.length, `${path} offers ${offered}`);
    for (const name of [/^Acknowledge$/, /^Mute$/, /^Test my alarm/]) {
      const count = await viewer.getByRole("button", { name }).count();
      expect(!count, `${path} shows ${name}`);
    }
  }
  const status = await viewer.evaluate(async () => {
    const body = JSON.stringify({ kind: "port_scan" });
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/mutes", { method: "POST", headers, body })).status;
  });
  expect(status === 403, `the monitor answered ${status}`);
  await go(viewer, "/account");
  await card(viewer, "You").getByText(/Viewer/).first().waitFor();
  expect(!(await viewer.getByRole("region", { name: "People" }).count()), "people are shown");
  await shot(viewer, "account-viewer");
});

let key = "";
let recovery = [];
await step("the second step is set up with a QR code and a code of the app", async () => {
  await go(viewer, "/account");
  await card(viewer, "Second step when logging in").getByRole("button", { name: "Set it up" }).click();
  await viewer.waitForSelector("dialog svg.qr path");
  key = await viewer.getByRole("textbox", { name: "Key" }).inputValue();
  await shot(viewer, "account-second-step");
  await viewer.fill('dialog input[name="code"]', codeOf(key, 7));
  await viewer.locator("dialog button.primary").click();
  await viewer.waitForFunction(() => document.querySelector("dialog .problem")?.textContent.length > 5);
  await viewer.fill('dialog input[name="code"]', codeOf(key, -1));
  await viewer.locator("dialog button.primary").click();
  const codes = viewer.getByRole("textbox", { name: "Your recovery codes" });
  recovery = (await codes.inputValue()).split("\n");
  expect(recovery.length === 10, `${recovery.length} recovery codes`);
  await shot(viewer, "account-recovery-codes");
  await viewer.keyboard.press("Escape");
  await card(viewer, "Second step when logging in").getByText("10 recovery codes left").waitFor();
});

await step("logging in asks for the code, and takes it", async () => {
  await viewer.getByRole("button", { name: "Log out" }).click();
  await logIn(viewer, { name: "Grandma", secret: hers });
  await viewer.waitForSelector('input[name="code"]');
  await shot(viewer, "login-code");
  await viewer.fill('input[name="code"]', codeOf(key, 9));
  await viewer.click("button.primary");
  await viewer.waitForFunction(() => /not the code of now/.test(document.querySelector(".problem")?.textContent));
  await viewer.fill('input[name="code"]', codeOf(key, 0));
  await viewer.click("button.primary");
  await live(viewer);
});

await step("a recovery code opens the door without the telephone", async () => {
  await go(viewer, "/account");
  await viewer.getByRole("button", { name: "Log out" }).click();
  await logIn(viewer, { name: "Grandma", secret: hers });
  await viewer.waitForSelector('input[name="code"]');
  await viewer.fill('input[name="code"]', recovery[0].toLowerCase());
  await viewer.click("button.primary");
  await live(viewer);
  await go(viewer, "/account");
  await viewer.getByText("9 recovery codes left").waitFor();
});

await step("the administrator ends the viewer's session, and her page says so", async () => {
  current = owner;
  await owner.reload();
  const list = card(owner, "Who is logged in where");
  await list.getByRole("button", { name: /^End: Grandma/ }).first().click();
  await viewer.waitForSelector('input[name="password"]', { timeout: 15_000 });
});

let address = "";
await step("a token for a wall display comes with the address to open", async () => {
  await card(owner, "Tokens for programs and wall displays").getByRole("button", { name: "Make a token" }).click();
  await owner.fill('dialog input[name="name"]', "Hallway");
  await owner.locator("dialog button.primary").click();
  const field = owner.getByLabel("Address for the wall display");
  address = await field.inputValue();
  expect(/^http.*\/kiosk\?token=[0-9a-f]{64}$/.test(address), address);
  await owner.keyboard.press("Escape");
});

await step("the display opens the kiosk by that address, and nothing else", async () => {
  const display = await someone();
  current = display;
  await display.goto(address, { waitUntil: "domcontentloaded" });
  await live(display);
  expect(display.url() === `${origin}/kiosk`, `the token stands in ${display.url()}`);
  await go(display, "/settings");
  expect(display.url() === `${origin}/kiosk`, `${display.url()} was opened`);
  await live(display);
  current = owner;
  await owner.reload();
  await card(owner, "Tokens for programs and wall displays").getByRole("button", { name: /Hallway/ }).click();
  await owner.locator("dialog button.primary").click();
  await display.waitForURL(/\/login/, { timeout: 15_000 });
  await display.context().close();
});

await step("the log tells all of it", async () => {
  await owner.reload();
  const log = card(owner, "Log-ins and changes");
  for (const words of [/Grandma.*logged in/, /could not log in.*wrong password/, /deleted a token.*Hallway/]) {
    await log.getByRole("row", { name: words }).first().waitFor();
  }
  await shot(owner, "account-log");
});

await step("the viewer is deleted and cannot come back", async () => {
  await card(owner, "People").getByRole("button", { name: "Delete Grandma?" }).click();
  await owner.locator("dialog button.primary").click();
  await owner.waitForSelector("dialog", { state: "detached" });
  await logIn(viewer, { name: "Grandma", secret: hers });
  await viewer.waitForFunction(() => /do not go together/.test(document.querySelector(".problem")?.textContent));
});

await step("everything on the account page is reached and named for the keyboard, and fits 360 px", async () => {
  await owner.setViewportSize({ width: 360, height: 740 });
  await owner.reload();
  await card(owner, "People").getByText("admin", { exact: true }).waitFor();
  const wide = await owner.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(wide <= 0, `${wide} px too wide`);
  const unnamed = await owner.evaluate(() =>
    [...document.querySelectorAll("main button, main a[href], main input")]
      .filter((el) => !(el.getAttribute("aria-label") || el.textContent.trim() || el.labels?.length))
      .map((el) => el.outerHTML),
  );
  expect(!unnamed.length, unnamed.join(" "));
  await shot(owner, "account-360");
  await owner.evaluate(() => document.dispatchEvent(new CustomEvent("languagewish", { detail: "nl" })));
  await owner.getByRole("heading", { name: "Inloggen en wijzigingen" }).waitFor();
  await shot(owner, "account-360-nl");
  await owner.evaluate(() => document.dispatchEvent(new CustomEvent("themewish", { detail: "dark" })));
  await owner.setViewportSize({ width: 1280, height: 900 });
  await shot(owner, "account-dark-nl");
});

await step("the browser had nothing to complain about", async () => {
  expect(!complaints.length, complaints.join("; "));
});

await browser.close();
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exit(results.failed ? 1 : 0);
