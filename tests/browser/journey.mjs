// One person's way through the dashboard, in a real browser.
//
//   npm ci --prefix tests/browser
//   node tests/browser/journey.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR
//
// BASE_URL is a monitor that nobody has claimed yet (with `-` as CLAIM_CODE: one without a password). It should see
// traffic; steps about alerts and devices are skipped, and say so, when there are none. ATTACK is a command that sends
// a scenario (`{}`) to the monitor. CHROMIUM names the browser (default /usr/bin/chromium). Prints one line per step, then `N passed, N failed`; exits 1 when one failed.

import {
  ATTACKER,
  attack,
  expect,
  journey,
  live as isLive,
  overflow as widthOver,
  password,
  rawWords,
  rowSeen,
  until,
  watchRows,
} from "./lib.mjs";

const [base, code, shots] = process.argv.slice(2);
if (!base || !code || !shots) {
  console.error("usage: node journey.mjs BASE_URL CLAIM_CODE SCREENSHOT_DIR");
  process.exit(2);
}
const { browser, context, page, watch, shot, step, go, text, forgive, end, origin } = await journey(base, shots);
const live = () => isLive(page);
const overflow = (target = page) => widthOver(target);

if (code !== "-") {
  await step("a stranger is led to the page that claims the monitor", async () => {
    await go("/alerts");
    await page.waitForSelector('input[name="code"]');
    await shot("claim");
  });
  await step("a wrong claim code is refused in words", async () => {
    await page.fill('input[name="code"]', "not-the-code");
    await page.fill('input[name="password"]', password);
    await page.fill('input[name="again"]', password);
    await page.click("button.primary");
    await page.waitForFunction(() => document.querySelector(".problem")?.textContent.length > 5);
    forgive(/status of 4\d\d.*\/api\/claim/);
  });
  await step("two different passwords are refused before they are sent", async () => {
    await page.fill('input[name="code"]', code);
    await page.fill('input[name="again"]', `${password}r`);
    await page.click("button.primary");
    await page.waitForFunction(() => /differ/.test(document.querySelector(".problem")?.textContent));
  });
  await step("the right code and a password open the dashboard", async () => {
    await page.fill('input[name="again"]', password);
    await page.click("button.primary");
    await live();
    expect(new URL(page.url()).pathname === "/alerts", `the page asked for at first comes back, not ${page.url()}`);
  });
  await step("logging out ends the session", async () => {
    await go("/settings");
    await live();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForSelector('input[autocomplete="current-password"]');
  });
  await step("a wrong password is refused in words", async () => {
    await page.fill('input[autocomplete="current-password"]', "wrong password");
    await page.click("button.primary");
    await page.waitForFunction(() => document.querySelector(".problem")?.textContent.length > 5);
    await shot("login-refused");
  });
  await step("the right password logs in", async () => {
    await page.fill('input[autocomplete="current-password"]', password);
    await page.click("button.primary");
    await live();
  });
}

await step("the first screen says in one sentence how things are", async () => {
  await go("/");
  await live();
  await page.waitForFunction(() => document.querySelector(".state h1")?.textContent.trim().length > 5);
  await shot("overview-light");
  return text(".state h1");
});

await step("figures arrive every second", async () => {
  const seen = new Set();
  const end = Date.now() + 15_000;
  while (seen.size < 3 && Date.now() < end) {
    seen.add(
      await page.evaluate(() =>
        [...document.querySelectorAll(".legend b, .sensor b")].map((b) => b.textContent).join(" "),
      ),
    );
    await page.waitForTimeout(400);
  }
  expect(seen.size >= 3, `only ${seen.size} different readings in 15 s`);
});

await step("the chart is drawn, and read out by the keyboard", async () => {
  await page.waitForFunction(() => Number(document.querySelector(".chart")?.getAttribute("aria-valuemax")) > 1);
  const inked = await page.evaluate(() => {
    const canvas = document.querySelector(".chart canvas");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return data.some((v, i) => i % 4 === 3 && v > 0);
  });
  expect(inked, "the canvas is empty");
  await page.focus(".chart");
  await page.keyboard.press("ArrowLeft");
  const said = await page.getAttribute(".chart", "aria-valuetext");
  expect(/bit\/s/.test(said ?? ""), `the readout says ${said}`);
  await page.keyboard.press("Escape");
  return said;
});

const json = (path) => page.evaluate(async (p) => (await fetch(p)).json(), path);
const scans = async () => (await json(`/api/alerts?state=all&q=kind:port_scan src:${ATTACKER.ip}`)).alerts;

await step("an attack that happens now is in the list and on the first screen within a second", async () => {
  if (!process.env.ATTACK) return "skipped: nothing to attack with";
  const wall = await context.newPage();
  watch(wall);
  await go("/", wall);
  await isLive(wall);
  await go("/alerts");
  await live();
  await page.waitForSelector(".alert-list .row, .empty");
  await page.mouse.move(2, 2);
  const before = Number((await wall.locator(".tally.high b").innerText()).replace(/\D/g, ""));
  await Promise.all([watchRows(page), watchRows(wall)]);
  const sent = attack("port_scan_ipv6");
  const alert = await until("its alert", 20, async () => (await scans())[0]);
  const delays = [];
  for (const target of [page, wall]) delays.push((await rowSeen(target, String(alert.id))) - Date.parse(alert.time));
  await sent;
  await wall.waitForFunction((n) => Number(document.querySelector(".tally.high b").textContent.replace(/\D/g, "")) > n, before);
  await wall.close();
  const told = `${delays[0]} ms until it stood in the list, ${delays[1]} ms on the first screen`;
  expect(Math.max(...delays) < 1000, told);
  return told;
});

await step("it is opened, muted for that pair, and the mute hides what comes again", async () => {
  if (!process.env.ATTACK) return "skipped: nothing to attack with";
  const [{ id }] = await scans();
  await page.locator(`.alert-list a[href*="id=${id}&"]`).click();
  await page.waitForSelector(".detail h2");
  await page.waitForSelector(".detail table");
  await shot("attack");
  await page.locator('.detail [data-key="m"]').click();
  await page.locator('dialog input[value="kind_pair"]').check();
  await page.fill('dialog input[name="reason"]', "Our own test");
  await shot("mute");
  await page.locator("dialog button.primary").click();
  await page.waitForSelector("dialog", { state: "detached" });
  await attack("port_scan_ipv6");
  const mine = (m) => m.reason === "Our own test" && m.hidden > 0;
  const mute = await until("a hidden alert", 20, async () => (await json("/api/mutes")).mutes.find(mine));
  await page.keyboard.press("Escape");
  await page.locator(".page-head").getByRole("button", { name: "Mute" }).click();
  await page.locator("dialog").getByText("Our own test").waitFor();
  await page.locator("dialog .mute").getByRole("button", { name: "End" }).click();
  await page.waitForSelector("dialog .mute", { state: "detached" });
  await page.keyboard.press("Escape");
  return `${mute.hidden} hidden`;
});

await step("the attacker is found by its address, and named; its alerts bear the name", async () => {
  if (!process.env.ATTACK) return "skipped: nothing to attack with";
  await go("/");
  await live();
  await page.keyboard.press("/");
  await page.waitForSelector("dialog.search");
  await page.keyboard.type(ATTACKER.mac);
  await page.locator('dialog.search a[href*="/devices/"]').first().click();
  await page.waitForSelector('form input[name="name"]', { state: "attached" });
  await rename("Test bench");
  await page.waitForFunction(() => document.querySelector("h1")?.textContent.includes("Test bench"));
  const [{ id }] = await scans();
  await go(`/alerts?state=all&id=${id}`);
  await page.waitForFunction(() => document.querySelector(".detail h2")?.textContent.includes("Test bench"));
  return text(".detail h2");
});

await step("an alert opens with its evidence, and is acknowledged with a note", async () => {
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForSelector(".alert-list .row, .empty");
  if (!(await page.locator(".alert-list .row").count())) return "skipped: no open alerts";
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail h2");
  await page.waitForSelector(".detail table, .detail .muted");
  const sentence = await text(".detail h2");
  const id = new URL(page.url()).searchParams.get("id");
  await shot("alert");
  await page.locator('.detail [data-key="e"]').click();
  await page.fill('dialog textarea[name="note"]', "Seen on the journey");
  await page.locator("dialog button.primary").click();
  await page.waitForSelector("dialog", { state: "detached" });
  await go(`/alerts?state=all&id=${id}`);
  await page.waitForSelector(".detail .ack");
  expect((await text(".detail .ack")).includes("Seen on the journey"), "the note is kept");
  return sentence;
});

await step("the alert list is filtered, and the filter is in the address", async () => {
  await go("/alerts");
  await page.waitForSelector(".alert-list .row, .empty");
  await page.getByRole("button", { name: "High", exact: true }).click();
  await page.keyboard.press("/");
  await page.keyboard.type("zzz-nothing");
  await page.waitForSelector(".empty");
  await page.waitForFunction(
    () => new URLSearchParams(location.search).get("q") === "sev:high zzz-nothing",
  );
});

async function rename(words) {
  await page.locator(".page-head button.plain").click();
  await page.fill('input[name="name"]', words);
  await page.keyboard.press("Enter");
}

await step("devices are listed, found, sorted and renamed", async () => {
  await go("/devices");
  await page.waitForSelector(".devices tbody tr, .empty");
  await shot("devices");
  if (!(await page.locator(".devices tbody tr").count())) return "skipped: no devices";
  await page.locator("th.name button").click();
  expect((await page.getAttribute("th.name", "aria-sort")) === "ascending", "sorted by name");
  await page.locator(".devices tbody tr a").first().click();
  await page.waitForSelector('form input[name="name"]', { state: "attached" });
  await rename("Journey’s device <b>");
  await page.waitForFunction(() => document.querySelector("h1")?.textContent.includes("Journey’s device <b>"));
  await shot("device");
  await rename("");
  await page.waitForFunction(() => !document.querySelector("h1")?.textContent.includes("Journey’s device"));
});

await step("a device says in words why it is what it is, what is usual for it and its risk", async () => {
  const device = await page.evaluate(async () => {
    const { devices } = await (await fetch("/api/devices")).json();
    return devices.filter((d) => d.kind_why && d.habits).sort((a, b) => (b.risk ?? 0) - (a.risk ?? 0))[0];
  });
  if (!device) return "skipped: no device with a kind and habits";
  await go(`/devices/${device.id}`);
  await page.waitForSelector(".alerts .row, .alerts .empty");
  const words = await text(".device-page");
  expect(words.includes(device.kind_why), `why it is a ${device.kind} is not told`);
  expect(/day \d of \d|Settled|Busy|Not learning/.test(await text(".habits")), "its habits are not told");
  if (device.risk) {
    const risk = await text(".risk");
    expect(risk.includes(`${device.risk} of 100`) && /[A-Z][a-z]+ .*\d/.test(risk), `its risk says ${risk}`);
  }
  expect(!rawWords(words), `codes instead of words: ${rawWords(words)}`);
  await shot("device-risk");
  return `${device.kind_why}; ${(await text(".habits p")).split("\n")[0]}`;
});

await step("a hostile name is text on every page, and turns nothing around", async () => {
  const hostile = `<img src=x onerror="window.owned=1">`;
  if (!page.url().includes("/devices/")) return "skipped: no device";
  const id = page.url().split("/").pop();
  await rename(`${hostile}\u202egpj`);
  await page.waitForFunction(() => /onerror|character/.test(document.querySelector("h1, .problem")?.textContent));
  for (const path of [`/devices/${id}`, "/devices", "/", "/alerts"]) {
    await go(path);
    await live();
    await page.waitForTimeout(400);
    const made = await page.evaluate(() => window.owned !== undefined || document.querySelector("img") !== null);
    expect(!made, `${path} made markup of it`);
    const words = await text("body");
    expect(!words.includes("\u202e"), `${path} shows a character that turns text around`);
    if (path.startsWith("/devices")) expect(words.includes(hostile), `${path} does not show the name`);
  }
  await go(`/devices/${id}`);
  await rename("");
  await page.waitForFunction(() => !document.querySelector("h1")?.textContent.includes("onerror"));
});

await step("an alert says where an outside address is", async () => {
  const ip = await page.evaluate(async () => {
    const { alerts } = await (await fetch("/api/alerts?state=all")).json();
    const outside = alerts.find((a) => a.target?.ip && !a.target.mac);
    return outside && [outside.id, outside.target.ip];
  });
  if (!ip) return "skipped: no alert about an outside address";
  const place = { city: "Delft", country: "Netherlands", as_number: 64500, as_name: "Example & <b>Sons</b>" };
  const json = (route) => {
    const asked = new URL(route.request().url()).searchParams.get("ip");
    route.fulfill({ json: { enabled: true, places: asked === ip[1] ? { [asked]: place } : {} } });
  };
  await context.route("**/api/places**", json);
  await go(`/alerts?state=all&id=${ip[0]}`);
  await page.getByText("Delft, Netherlands, Example & <b>Sons</b>").waitFor();
  await shot("alert-place");
  await context.unroute("**/api/places**", json);
});

await step("health shows counters", async () => {
  await go("/health");
  await page.waitForSelector(".health-body table");
  const words = await text(".health-body");
  expect(!rawWords(words), `codes instead of words: ${rawWords(words)}`);
  await shot("health");
});

await step("dark is dark, and stays after a reload", async () => {
  await go("/settings");
  await page.getByRole("button", { name: "Dark", exact: true }).click();
  await go("/");
  await live();
  const lightness = await page.evaluate(() =>
    getComputedStyle(document.body)
      .backgroundColor.match(/\d+/g)
      .reduce((a, b) => a + Number(b), 0),
  );
  expect(lightness < 150, `the page is ${lightness}`);
  await page.waitForTimeout(1500);
  await shot("overview-dark");
});

await step("Dutch is Dutch", async () => {
  await page.getByRole("button", { name: "NL", exact: true }).click();
  await page.waitForFunction(
    () => document.documentElement.lang === "nl" && document.querySelector("nav").textContent.includes("Meldingen"),
  );
  await page.getByRole("button", { name: "EN", exact: true }).click();
});

await step("an unknown page says so", async () => {
  await page.evaluate(() => {
    history.pushState(null, "", "/no/such/page");
    dispatchEvent(new PopStateEvent("popstate"));
  });
  await page.waitForSelector("text=There is no such page");
});

await step("nothing sticks out at 360 pixels", async () => {
  const phone = await browser.newContext({
    viewport: { width: 360, height: 740 },
    isMobile: true,
    hasTouch: true,
    storageState: await context.storageState(),
  });
  const small = await phone.newPage();
  watch(small);
  const first = await page.evaluate(async () => (await (await fetch("/api/devices")).json()).devices[0]?.id);
  const device = first ? [`/devices/${first}`] : [];
  for (const path of ["/", "/alerts", "/alerts?state=all", "/devices", ...device, "/health", "/settings"]) {
    await small.goto(origin + path, { waitUntil: "domcontentloaded" });
    await small.waitForSelector('html[data-link="live"]', { timeout: 20_000 });
    await small.waitForTimeout(600);
    const over = await overflow(small);
    expect(over <= 0, `${path} sticks out by ${over} px`);
    await shot(`phone${path === "/" ? "-overview" : path.replace(/\W+/g, "-")}`, small);
  }
  await phone.close();
});

await step("a wall screen shows the kiosk without scrolling", async () => {
  await page.setViewportSize({ width: 1920, height: 1080 });
  await go("/kiosk");
  await live();
  await page.waitForTimeout(1500);
  const over = await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight);
  await shot("kiosk");
  expect(over <= 0 && (await overflow()) <= 0, `it is ${over} px too tall`);
});

await step("the page says when the connection is lost, and comes back by itself", async () => {
  const away = (route) => route.abort();
  await context.route("**/api/**", away);
  await go("/");
  await page.waitForSelector('html[data-link="lost"] .notice:not([hidden])');
  await shot("lost");
  await context.unroute("**/api/**", away);
  await live();
  await page.waitForSelector(".notice", { state: "hidden" });
  forgive(/ERR_FAILED/);
});

await end();
