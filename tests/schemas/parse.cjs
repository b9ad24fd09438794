// Parses the AsyncAPI document on standard input with the official parser; prints what it says against it.
const { Parser } = require("@asyncapi/parser");

let text = "";
process.stdin.on("data", (part) => { text += part; });
process.stdin.on("end", async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const said = diagnostics.map((one) => ({ severity: one.severity, code: one.code, path: one.path.join("/"), message: one.message }));
  console.log(JSON.stringify({ parsed: document !== undefined, channels: document ? document.channels().all().map((one) => one.address()) : [], said }));
});
