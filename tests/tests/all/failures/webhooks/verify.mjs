// Verifies messages with the packages `standardwebhooks` and `svix`, which are in the folder of the first argument. Standard
// input is `[{headers, body, secret, verifies}]`. Prints the number of verified messages.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(`${process.argv[2]}/`);
const libraries = [require('standardwebhooks').Webhook, require('svix').Webhook];
let count = 0;
for (const { headers, body, secret, verifies } of JSON.parse(readFileSync(0, 'utf8'))) {
  // The libraries compare the timestamp with the clock, and the messages have the time of the test.
  Date.now = () => Number(headers['webhook-timestamp']) * 1000;
  for (const Webhook of libraries) {
    let verified = true;
    try {
      new Webhook(secret).verify(body, headers);
    } catch {
      verified = false;
    }
    if (verified !== verifies) throw new Error(`${Webhook.name}: verified is ${verified}: ${JSON.stringify(headers)}`);
    count += 1;
  }
}
console.log(count);
