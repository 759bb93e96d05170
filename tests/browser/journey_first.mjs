// The first visit: how many requests, how many bytes, and what the second one still asks for.
//
//   node tests/browser/journey_first.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// As journey.mjs; the monitor may be claimed already. Not with ASSETS: what is packed is what is counted.

import { expect, journey, live } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots || process.env.ASSETS) {
  console.error("usage: node journey_first.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR (without ASSETS)");
  process.exit(2);
}
const { context, page, open, step, go, enter, end, forgive } = await journey(base, shots);
const REQUESTS = 9;
const BYTES = 150_000;
// The page of settings brings what each of them does and what each kind of alert means.
const SETTINGS_BYTES = 200_000;

/** Goes to `path` and answers what was fetched for it until two seconds after it is live. */
async function visit(target, path) {
  const probe = await target.context().newCDPSession(target);
  await probe.send("Network.enable");
  await probe.send("Performance.enable");
  const fetched = new Map();
  probe.on("Network.requestWillBeSent", (e) => {
    if (!e.request.url.startsWith("data:"))
      fetched.set(e.requestId, { url: new URL(e.request.url).pathname, bytes: 0, cached: false });
  });
  const at = (e) => fetched.get(e.requestId) ?? {};
  probe.on("Network.requestServedFromCache", (e) => (at(e).cached = true));
  probe.on("Network.responseReceived", (e) => {
    const known = at(e);
    known.cached ||= e.response.fromDiskCache;
    known.headers = e.response.headers;
    known.status = e.response.status;
    known.bytes += e.response.encodedDataLength;
  });
  probe.on("Network.dataReceived", (e) => (at(e).bytes += e.encodedDataLength));
  await go(path, target);
  await live(target);
  await target.waitForTimeout(2000);
  const list = [...fetched.values()];
  const { metrics } = await probe.send("Performance.getMetrics");
  list.metrics = Object.fromEntries(metrics.map((m) => [m.name, m.value]));
  // A browser with a window asks for the icon too; this one has none.
  const icon = await target.evaluate(() => document.querySelector("link[rel=icon]").href);
  const { pathname } = new URL(icon);
  if (!icon.startsWith("data:") && !list.some((f) => f.url === pathname)) list.push({ url: pathname, bytes: 500, headers: {} });
  return list;
}

// The stream of events goes on for as long as the page is open: it is a request, and no part of what is loaded.
const sum = (list) => list.reduce((bytes, f) => bytes + (f.url.endsWith("/api/events") ? 0 : f.bytes), 0);
const names = (list) => list.map((f) => `${f.url} ${f.bytes}`).join(", ");

await enter(code);
const storageState = await context.storageState();

let known;
await step(`the first visit takes fewer than ${REQUESTS + 1} requests and ${BYTES / 1000} KB`, async () => {
  // A browser that was never here, but for the session.
  known = await open({ storageState });
  const list = await visit(known.page, "/");
  expect(list.length <= REQUESTS, `${list.length} requests: ${names(list)}`);
  expect(sum(list) < BYTES, `${sum(list)} bytes: ${names(list)}`);
  const [ran, compiled] = ["ScriptDuration", "V8CompileDuration"].map((name) =>
    (1000 * list.metrics[name]).toFixed(0),
  );
  return `${list.length} requests, ${sum(list)} bytes; scripts ran for ${ran} ms, ${compiled} ms of it compiling`;
});

await step("whatever page comes first, it is a document, three files and what it asks", async () => {
  const most = [];
  for (const path of ["/alerts", "/devices", "/history", "/health", "/settings", "/account", "/kiosk"]) {
    const { context: other, page: fresh } = await open({ storageState });
    const list = await visit(fresh, path).catch(() => null);
    await other.close();
    if (!list) continue;
    const files = list.filter((f) => !f.url.includes("/api/"));
    const limit = path === "/settings" ? SETTINGS_BYTES : BYTES;
    expect(files.length <= 4 && sum(list) < limit, `${path}: ${sum(list)} bytes: ${names(list)}`);
    most.push(`${path} ${list.length}`);
  }
  return most.join(", ");
});

await step("the second visit takes its files from the cache and asks for the document alone", async () => {
  const again = await known.context.newPage();
  const list = await visit(again, "/");
  const files = list.filter((f) => f.url.includes("/static/") && f.status);
  expect(
    files.length >= 2 && files.every((f) => f.cached),
    `not from the cache: ${names(files.filter((f) => !f.cached))}`,
  );
  expect(
    files.every((f) => /immutable/.test(f.headers["cache-control"])),
    "files are not marked as immutable",
  );
  await known.context.close();
  return `${files.length} files from the cache`;
});

await step("the document is not shown from the cache without asking", async () => {
  const answer = await page.request.get(`${base.replace(/\/+$/, "")}/login`);
  const { etag, "cache-control": cache } = answer.headers();
  expect(cache === "no-cache" && etag, `cache-control: ${cache}, etag: ${etag}`);
});

forgive(/status of 404/);
await end();
