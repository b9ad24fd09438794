// Calls npm `@segment/analytics-node`, as it is. Reads {"host", "key", "calls": [[method, message], ...]} from standard
// input, sends everything, and prints how often it sent.
const { Analytics } = require("@segment/analytics-node");

async function main() {
  const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const client = new Analytics({ writeKey: asked.key, host: asked.host, flushAt: 1000 });
  const failed = [];
  let requests = 0;
  client.on("http_request", () => (requests += 1));
  client.on("error", (error) => failed.push(String(error.reason ?? error)));
  for (const [method, message] of asked.calls) client[method](message);
  await client.closeAndFlush();
  process.stdout.write(JSON.stringify({ requests, failed }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
