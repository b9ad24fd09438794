// A browser that obeys lines of JSON on standard input: {"id", "do", ...} is answered with {"id", "value"} or
// {"id", "error"}. One context is one visitor: cookies and storage of their own.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, executablePath, ...args] = process.argv.slice(2);
const { chromium } = createRequire(`${folder}/`)("playwright-core");
const browser = await chromium.launch({ executablePath, args });
const visitors = new Map();

const acts = {
  async meet({ who, looks }) {
    const usual = { ignoreHTTPSErrors: true, locale: "en-IE", timezoneId: "Asia/Kolkata" };
    const context = await browser.newContext({ ...usual, ...looks });
    const page = await context.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    visitors.set(who, { context, page, said });
  },
  async visit({ who, url }) {
    await visitors.get(who).page.goto(url, { waitUntil: "load" });
  },
  async run({ who, script }) {
    return (await visitors.get(who).page.evaluate(script)) ?? null;
  },
  async until({ who, script, milliseconds }) {
    // Asked from here time and again: a script that waits in the page is one that its policy forbids.
    const { page } = visitors.get(who);
    const end = Date.now() + milliseconds;
    let value;
    let trouble = "nothing true";
    do {
      value = await page.evaluate(script).catch((error) => void (trouble = String(error)));
      if (!value) await page.waitForTimeout(50);
    } while (!value && Date.now() < end);
    if (!value) throw new Error(`${page.url()}: ${script} came to ${trouble}`);
  },
  async hand({ who, does, ...on }) {
    await hands[does](visitors.get(who).page, on);
  },
  async said({ who }) {
    return visitors.get(who).said;
  },
  async forget() {
    await Promise.all([...visitors.values()].map(({ context }) => context.close()));
    visitors.clear();
  },
};

// What somebody's hands do.
const hands = {
  press: (page, { key }) => page.keyboard.press(key),
  type: (page, { text }) => page.keyboard.type(text),
  click: (page, { selector }) => page.click(selector),
  fill: (page, { selector, text }) => page.fill(selector, text),
  choose: (page, { selector, value }) => page.selectOption(selector, value),
  shoot: (page, { path }) => page.screenshot({ path, fullPage: true }),
};

const tell = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
tell({ id: 0, value: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  acts[asked.do](asked).then(
    (value) => tell({ id: asked.id, value: value ?? null }),
    (error) => tell({ id: asked.id, error: String(error) }),
  );
}
await browser.close();
