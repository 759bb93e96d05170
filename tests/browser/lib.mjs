// What all journeys share: the browser, steps that pass or fail, and what to watch for on every page.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** The password of the administrator that journeys make. */
export const password = "correct horse battery staple";

/** Fails a step. */
export function expect(condition, words) {
  if (!condition) throw new Error(words);
}

// Codes, and what a program says for nothing, where words should stand.
// Keys of settings may be named where they are explained.
const SETTING = /\b(capture|network|detect|devices|store|dashboard|feeds|log)\.[a-z_.]+/g;
const RAW = /undefined|\bNaN\b|\[object|\b[a-z]+(_[a-z]+)+\b|\b(habits|device|kind|sensor|health)\.[a-z]+/g;

/** Codes among `words`, or null. */
export const rawWords = (words) => words.replace(SETTING, "").match(RAW);

/** By how many pixels the page is wider than its window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** Sends an attack by the command that the environment names, `{}` being the scenario; waits until it was sent. */
export function attack(scenario) {
  const [program, ...rest] = process.env.ATTACK.split(" ").map((word) => word.replace("{}", scenario));
  const child = spawn(program, rest, { stdio: "ignore" });
  return new Promise((sent, failed) => {
    child.on("error", failed);
    child.on("exit", (status) => (status ? failed(new Error(`the attack ended with ${status}`)) : sent()));
  });
}

/** Who makes the scans over IPv6 among the scenarios. */
export const ATTACKER = { ip: "fd00:0:0:1::42", mac: "3c:37:12:00:01:42" };

/** Notes in the page when the row of each alert first stands in a list; `seen(page, id)` answers that moment. */
export const watchRows = (page) =>
  page.evaluate(() => {
    window.rowsSeen = {};
    new MutationObserver(() => {
      for (const a of document.querySelectorAll("[data-row] a[href*='id=']"))
        window.rowsSeen[new URL(a.href).searchParams.get("id")] ??= Date.now();
    }).observe(document.body, { childList: true, subtree: true });
  });
export const rowSeen = (page, id) =>
  page.waitForFunction((wanted) => window.rowsSeen[wanted], id, { timeout: 20_000 }).then((at) => at.jsonValue());

/** Waits for what `ask` answers. */
export async function until(what, seconds, ask) {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; ) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`${what} did not come within ${seconds} s`);
}

/** Waits until the page is live. */
export const live = (page) => page.waitForSelector('html[data-link="live"]', { timeout: 20_000 });

/**
 * Begins a journey to `base`; screenshots go to `shots`. `options` are those of a browser context. Answers the browser,
 * a page, and `step(name, run)`, which prints whether `run` came through; `end()` prints the sum and leaves.
 */
export async function journey(base, shots, options = {}) {
  mkdirSync(shots, { recursive: true });
  const origin = new URL(base).origin;
  const root = base.replace(/\/+$/, "");
  const complaints = [];
  const foreign = [];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

  // Being told "not logged in" while not logged in is no complaint; everything else on the console is.
  function watch(target) {
    target.on("console", (m) => {
      const refused = m.text().includes("status of 401");
      if (["error", "warning"].includes(m.type()) && !refused)
        complaints.push(`${m.text()} (${m.location().url})`);
    });
    target.on("pageerror", (e) => complaints.push(e.stack ?? e.message));
    target.on("request", (r) => {
      const url = new URL(r.url());
      if (url.protocol !== "data:" && url.origin !== origin) foreign.push(r.url());
    });
  }

  /** A page in a context of its own. */
  async function open(more = {}) {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      locale: "en-GB",
      colorScheme: "light",
      ...options,
      ...more,
    });
    // ASSETS=assets shows the files of that folder instead of those in the binary: changes without a build.
    if (process.env.ASSETS) await unpacked(context, process.env.ASSETS);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    watch(page);
    return { context, page };
  }

  const { context, page } = await open();
  const shot = (name, target = page) => target.screenshot({ path: join(shots, `${name}.png`) });
  const results = { passed: 0, failed: 0 };

  async function step(name, run) {
    try {
      const note = await run();
      results.passed += 1;
      console.log(`ok    ${name}${note ? ` (${note})` : ""}`);
    } catch (error) {
      results.failed += 1;
      const where = /journey\w*\.mjs:\d+/.exec(error.stack ?? "")?.[0] ?? "";
      console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\n")[0]} ${where}`);
      await shot(`failed-${results.failed}`).catch(() => {});
    }
  }

  return {
    browser,
    context,
    page,
    origin,
    complaints,
    open,
    watch,
    shot,
    step,
    go: (path, target = page) => target.goto(root + path, { waitUntil: "domcontentloaded" }),
    text: (selector, target = page) => target.locator(selector).first().innerText(),
    /** Forgets complaints that a step brought about itself. */
    forgive(pattern) {
      complaints.splice(0, complaints.length, ...complaints.filter((c) => !pattern.test(c)));
    },
    /** Claims the monitor with `code`, or logs in when it is claimed; `-`: it has no password. */
    async enter(code, target = page) {
      await target.goto(`${root}/`, { waitUntil: "domcontentloaded" });
      if (code !== "-") {
        await target.waitForSelector('input[name="code"], input[autocomplete="current-password"]');
        if (await target.locator('input[name="code"]').count()) {
          await target.fill('input[name="code"]', code);
          await target.fill('input[name="password"]', password);
          await target.fill('input[name="again"]', password);
        } else await target.fill('input[autocomplete="current-password"]', password);
        await target.click("button.primary");
      }
      await live(target);
    },
    /** The last two steps of every journey, and its end. */
    async end() {
      await step("the console stayed clean", async () => expect(!complaints.length, complaints.join(" | ")));
      await step("no other host was asked for anything", async () => expect(!foreign.length, foreign.join(" ")));
      await browser.close();
      console.log(`${results.passed} passed, ${results.failed} failed`);
      process.exit(results.failed ? 1 : 0);
    },
  };
}

/** Serves documents and `/static/` from a folder, unpacked. */
export async function unpacked(context, folder) {
  const sheets = () => ["app.css", ...readdirSync(folder).filter((n) => n.endsWith(".css") && n !== "app.css")];
  await context.route("**/*", async (route) => {
    const { pathname } = new URL(route.request().url());
    // A document that a redirect leads to comes from the server and names files by their content.
    const file = pathname.match(/\/static\/([\w.-]+)$/)?.[1].replace(/-[0-9a-f]{12}(?=\.)/, "");
    if (file === "app.css") {
      const body = sheets().map((name) => readFileSync(join(folder, name), "utf8"));
      return route.fulfill({ contentType: "text/css", body: body.join("\n") });
    }
    if (file) return route.fulfill({ path: join(folder, file) });
    if (route.request().resourceType() !== "document" || route.request().method() !== "GET")
      return route.fallback();
    // The server's answer with its headers and its status, and the document of the folder: it may also redirect.
    const response = await route.fetch({ maxRedirects: 0 });
    if (response.status() !== 200) return route.fulfill({ response });
    const base = (await response.text()).match(/<base href="[^"]*">/)?.[0] ?? '<base href="/">';
    const body = readFileSync(join(folder, "index.html"), "utf8").replace('<base href="/">', base);
    return route.fulfill({ response, body });
  });
}
