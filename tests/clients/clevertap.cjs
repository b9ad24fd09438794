// Calls npm `clevertap`, as it is. Reads {"endpoint", "account", "passcode", "calls": [[method, ...arguments], ...]} from
// standard input and prints what each call came to, as one JSON array.
const CleverTap = require("clevertap");

async function main() {
  const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const client = CleverTap.init(asked.account, asked.passcode, CleverTap.REGIONS.INDIA);
  client.api.apiEndpoint = asked.endpoint;
  const answers = [];
  for (const [method, ...words] of asked.calls) answers.push(await client[method](...words));
  process.stdout.write(JSON.stringify(answers));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
