// Has a generated TypeScript client read bodies, and write them again without a difference.
//
//   exchanges.mjs CLIENT BODIES
//
// CLIENT is the compiled index of the client, BODIES the `bodies.json` that `exchanges.py` writes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [client, bodies] = process.argv.slice(2);
const models = createRequire(import.meta.url)(client);
const read = JSON.parse(readFileSync(bodies, "utf8"));
// What JSON itself loses in this language, such as the sign of -0, no client can keep.
const sent = (value) => JSON.parse(JSON.stringify(value));
for (const [name, body] of read) {
  const written = models[`${name}ToJSON`](models[`${name}FromJSON`](body));
  assert.deepEqual(sent(written), sent(body), name);
}
assert.ok(read.length > 0);
console.log(`${read.length} bodies are read and written as they are`);
