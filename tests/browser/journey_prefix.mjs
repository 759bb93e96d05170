// Every page below a path that a reverse proxy has the dashboard at, in a real browser: nothing asks above it.
//
//   node tests/browser/journey_prefix.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// BASE_URL is a monitor whose `dashboard.trusted_proxies` holds 127.0.0.1; CLAIM_CODE as in journey.mjs (`-`: it has no
// password). The proxy is a few lines here; tests/nginx.rs has the real one. Prints `N passed, N failed`.

import { createServer, request } from "node:http";
import { expect, journey, live } from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey_prefix.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const PREFIX = "/home/netmonitor";
const behind = new URL(base);
const above = [];

const proxy = createServer((asked, answer) => {
  if (!asked.url.startsWith(`${PREFIX}/`)) {
    above.push(`${asked.method} ${asked.url}`);
    answer.writeHead(404).end();
    return;
  }
  const said = {
    "x-forwarded-for": "127.0.0.77",
    "x-forwarded-prefix": PREFIX,
    "x-forwarded-host": asked.headers.host,
    "x-forwarded-proto": "http",
  };
  const { hostname, port } = behind;
  const options = { hostname, port, path: asked.url.slice(PREFIX.length), method: asked.method };
  const passed = request({ ...options, headers: { ...asked.headers, ...said } }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  // A viewer that leaves ends its stream behind the proxy, too.
  answer.on("close", () => passed.destroy());
  passed.on("error", () => answer.destroy());
  asked.pipe(passed);
});
await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));
const outside = `http://127.0.0.1:${proxy.address().port}`;
const { page, step, go, text, enter, forgive, end } = await journey(outside + PREFIX, shots);
const path = () => new URL(page.url()).pathname;

if (code !== "-") {
  await step("a stranger is led to the login page below the prefix", async () => {
    await go("/alerts");
    await page.waitForSelector('input[type="password"]');
    expect(path() === `${PREFIX}/login`, page.url());
  });
}
await step("logging in leads to the overview below the prefix, live", async () => {
  await enter(code);
  await page.waitForFunction((wanted) => location.pathname === wanted, `${PREFIX}/`);
});
if (code !== "-") {
  await step("the session's cookie is for there alone", async () => {
    const [cookie, ...others] = await page.context().cookies();
    expect(!others.length && cookie.path === `${PREFIX}/`, JSON.stringify(cookie));
  });
}
for (const name of ["alerts", "devices", "health", "settings"]) {
  await step(`${name} opens from the navigation and when loaded again`, async () => {
    await page.click(`[data-nav="${name}"]`);
    await page.waitForSelector(`html[data-page="${name}"]`);
    expect(path() === `${PREFIX}/${name}`, page.url());
    await page.reload({ waitUntil: "domcontentloaded" });
    await live(page);
    await page.waitForSelector(`html[data-page="${name}"]`);
  });
}
await step("every link of every page stays below the prefix", async () => {
  for (const name of ["", "alerts", "devices", "health", "settings", "kiosk"]) {
    await go(`/${name}`);
    await live(page);
    await page.waitForTimeout(500);
    const hrefs = await page.$$eval("a[href]", (links) => links.map((a) => a.href));
    const lost = hrefs.filter((href) => href.startsWith(outside) && !href.startsWith(`${outside}${PREFIX}/`));
    expect(!lost.length, `${name}: ${lost.join(" ")}`);
    if (name !== "kiosk") expect(hrefs.length > 5, `${name}: ${hrefs.length} links`);
  }
});
await step("going back and forth follows the addresses", async () => {
  await go("/alerts");
  await live(page);
  await page.click('[data-nav="devices"]');
  await page.waitForSelector('html[data-page="devices"]');
  await page.goBack();
  await page.waitForSelector('html[data-page="alerts"]');
});
await step("a page that there is none of says so, and leads back", async () => {
  await page.evaluate(() => history.pushState(null, "", document.baseURI + "nowhere"));
  await page.evaluate(() => dispatchEvent(new PopStateEvent("popstate")));
  await page.waitForSelector('html[data-page="none"]');
  const words = await text("main");
  expect(words.includes("/nowhere") && !words.includes(PREFIX), words);
  await page.click("main a.button");
  await page.waitForSelector('html[data-page="overview"]');
  expect(path() === `${PREFIX}/`, page.url());
});
if (code !== "-") {
  await step("an address after the login that leads elsewhere is not followed", async () => {
    await page.context().clearCookies();
    for (const next of ["//evil.example/", "https://evil.example/", "/x/..//evil.example", "/\\evil.example"]) {
      await go(`/login?next=${encodeURIComponent(next)}`);
      await page.fill('input[autocomplete="current-password"]', (await import("./lib.mjs")).password);
      await page.click("button.primary");
      await live(page);
      expect(page.url().startsWith(`${outside}${PREFIX}/`), `${next}: ${page.url()}`);
      await page.context().clearCookies();
    }
    forgive(/status of 40[14]/);
  });
}
await step("nothing was asked for above the prefix", async () => expect(!above.length, above.join(", ")));
await end();
