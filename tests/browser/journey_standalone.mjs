// The dashboard in a process of its own: either process is killed on the way, and the page says so, comes back by itself
// and has what happened meanwhile.
//
//   node tests/browser/journey_standalone.mjs INTERFACE FOLDER SCREENSHOT_DIR
//
// INTERFACE carries traffic, FOLDER takes the files of both processes, BINARY is netmonitor, ATTACK a command that sends a
// port scan. It ends only processes that it started. Prints one line per step, then `N passed, N failed`.

import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ATTACKER, attack, expect, journey, live, rowSeen, until, watchRows } from "./lib.mjs";

const [cable, folder, shots] = process.argv.slice(2);
const { BINARY, ATTACK } = process.env;
if (!cable || !folder || !shots || !BINARY || !ATTACK) {
  console.error("usage: BINARY=… ATTACK=… node journey_standalone.mjs INTERFACE FOLDER SCREENSHOT_DIR");
  process.exit(2);
}
const PORT = "8081";
const base = `http://127.0.0.1:${PORT}`;
mkdirSync(folder, { recursive: true });
const running = new Map();

/** Starts one of the two. */
function start(name, ...more) {
  const log = openSync(join(folder, `${name}.log`), "a");
  const child = spawn(BINARY, [name, "--config", "tests/demo.toml", ...more], {
    stdio: ["ignore", log, log],
    env: {
      ...process.env,
      NETMONITOR_DASHBOARD_SERVER: "standalone",
      NETMONITOR_DASHBOARD_PORT: PORT,
      NETMONITOR_STORE_PATH: join(folder, "netmonitor.redb"),
      RUNTIME_DIRECTORY: folder,
    },
  });
  running.set(name, child);
}
const monitor = () => start("run", "--interface", cable);
const dashboard = () => start("dashboard");

/** Pulls its plug. */
function kill(name) {
  const child = running.get(name);
  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  running.delete(name);
  return gone;
}
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

const answers = () =>
  fetch(`${base}/healthz`).then(
    (answer) => answer.ok,
    () => false,
  );

monitor();
dashboard();
await until("an answer", 30, answers);
const { page, step, go, shot, enter, forgive, end } = await journey(base, shots);
const json = (path) => page.evaluate(async (p) => (await fetch(p)).json(), path);

await step("the dashboard claims the monitor behind it, and is live", async () => {
  const code = await until("the claim code", 10, () => {
    try {
      return readFileSync(join(folder, "claim-code"), "utf8").trim();
    } catch {
      return "";
    }
  });
  await enter(code);
  await page.waitForSelector(".overview[data-ready]");
  await shot("overview");
});

const alertOf = async (kind) =>
  (await json(`/api/alerts?state=all&q=kind:${kind} src:${ATTACKER.ip},192.168.1.66`)).alerts[0];

let first;
await step("an attack that happens now is in the list within a second", async () => {
  await go("/alerts");
  await live(page);
  await page.waitForSelector(".alert-list .row, .empty");
  await page.mouse.move(2, 2);
  await watchRows(page);
  const sent = attack("port_scan_ipv6");
  first = await until("its alert", 20, () => alertOf("port_scan"));
  const delay = (await rowSeen(page, String(first.id))) - Date.parse(first.time);
  await sent;
  expect(delay < 1000, `${delay} ms`);
  return `${delay} ms`;
});

await step("every page is live", async () => {
  const { devices } = await json("/api/devices");
  for (const path of ["/", `/alerts?state=all&id=${first.id}`, "/devices", `/devices/${devices[0].id}`, "/history", "/health", "/settings", "/account", "/kiosk"]) {
    await go(path);
    await live(page);
    await page.waitForTimeout(300);
    const problem = await page.locator("main .problem, main .lone").count();
    expect(!(await page.locator(".notice:visible").count()) && problem < 3, `${path} complains`);
  }
});

/** Whether the log of the monitor tells of an alert of that kind, and when it did. */
const logged = (kind) => readFileSync(join(folder, "run.log"), "utf8").includes(`${kind}: `);

/** Waits until the page says `words` above everything, after `away`. */
async function gone(words, name, away) {
  await page.evaluate(() => (window.sameDocument = true));
  await away();
  await page.waitForFunction(
    (wanted) => new RegExp(wanted).test(document.querySelector(".notice:not([hidden])")?.textContent),
    words,
    { timeout: 15_000 },
  );
  await shot(`away-${name}`);
}

/** Waits until the page is live again by itself; answers how long that took. */
async function back() {
  const began = Date.now();
  await page.waitForSelector('html[data-link="live"]', { timeout: 30_000 });
  await page.waitForSelector(".notice", { state: "hidden" });
  expect(await page.evaluate(() => window.sameDocument), "the page was loaded again");
  return Date.now() - began;
}

const row = (words) => page.locator(".alert-list .row", { hasText: words });

await step("the dashboard is killed: the page says so, comes back by itself and has the alert of meanwhile", async () => {
  await go("/alerts");
  await live(page);
  await page.mouse.move(2, 2);
  await gone("No connection", "dashboard", () => kill("dashboard"));
  await attack("host_sweep_ipv6");
  await until("an alert that nobody sees", 20, () => logged("host_sweep"));
  expect(!(await row("22 within").count()), "it cannot be there yet");
  dashboard();
  const ms = await back();
  await row("TCP port 22").first().waitFor();
  return `back after ${ms} ms`;
});

await step("the monitor is killed: the page says so, goes on by itself and shows the next attack", async () => {
  const started = (await json("/api/dashboard")).monitor.started;
  await gone("Monitor away", "monitor", () => kill("run"));
  for (const path of ["/devices", "/health", "/"]) {
    await page.evaluate((to) => document.querySelector(`a[data-nav][href$="${to}"]`).click(), path);
    await page.waitForSelector(".notice:not([hidden])");
  }
  await shot("away-overview");
  await page.locator('[data-nav="alerts"]').click();
  monitor();
  const ms = await back();
  expect((await json("/api/dashboard")).monitor.started > started, "it is another monitor");
  await row("TCP port 22").first().waitFor();
  await attack("service_probe");
  await row("finding out").first().waitFor();
  return `back after ${ms} ms`;
});

await step("the session outlived both", async () => {
  await page.reload();
  await live(page);
  expect(await page.locator('[data-nav="settings"]').count(), "the frame is there");
  forgive(/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|FAILED|EMPTY_RESPONSE|CONNECTION_RESET)|status of 50[023]/);
});

await end();
