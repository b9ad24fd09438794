// A browser that obeys lines of JSON on standard input: {"id", "do", ...} is answered with {"id", "value"} or
// {"id", "error"}. One context is one visitor: cookies and storage of their own.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, executablePath, ...args] = process.argv.slice(2);
const { chromium } = createRequire(`${folder}/`)("playwright-core");
const browser = await chromium.launch({ executablePath, args });
const visitors = new Map();

const acts = {
  async meet({ who }) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-IE", timezoneId: "Asia/Kolkata" });
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
    await visitors.get(who).page.waitForFunction(script, null, { timeout: milliseconds, polling: 50 });
  },
  async said({ who }) {
    return visitors.get(who).said;
  },
  async forget() {
    await Promise.all([...visitors.values()].map(({ context }) => context.close()));
    visitors.clear();
  },
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
