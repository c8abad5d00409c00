// `node --test ingest/actions`
"use strict";

const assert = require("node:assert/strict");
const { generateKeyPairSync, verify } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { join } = require("node:path");
const { afterEach, beforeEach, mock, test } = require("node:test");

const action = require("./auth0.js");

/** What the Rust tests read as the body of the Action. */
const fixture = JSON.parse(readFileSync(join(__dirname, "../tests/fixtures/auth0-action.json"), "utf8"));

const { privateKey, publicKey } = generateKeyPairSync("ed25519");

let server, url, received, logged, answer;

beforeEach(async () => {
  received = [];
  logged = [];
  answer = (response) => response.writeHead(202).end();
  server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ method: request.method, headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}/sources/shop`;
  mock.method(console, "log", (line) => logged.push(line));
});

afterEach(async () => {
  mock.restoreAll();
  mock.timers.reset();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function event(more = {}) {
  const user = { ...fixture.user, identities: [{ provider: "auth0" }], enrolledFactors: [{ method: "sms" }] };
  return { user, secrets: { UMOJA_URL: url, UMOJA_API_KEY: "key" }, ...more };
}

const triggers = {
  onExecutePostUserRegistration: "post-user-registration",
  onExecutePostLogin: "post-login",
  onExecutePostChangePassword: "post-change-password",
};

for (const [name, trigger] of Object.entries(triggers)) {
  test(`${trigger} sends what the store reads`, async () => {
    await action[name](event());
    assert.equal(received.length, 1);
    const { method, headers, body } = received[0];
    assert.equal(method, "POST");
    assert.equal(headers["x-api-key"], "key");
    assert.equal(headers["content-type"], "application/json");
    const sent = JSON.parse(body);
    assert.deepEqual(Object.keys(sent), Object.keys(fixture));
    assert.deepEqual({ ...sent, id: fixture.id, time: fixture.time }, { ...fixture, trigger });
    assert.equal(headers["webhook-id"], sent.id);
    assert.equal(headers["webhook-signature"], undefined);
  });
}

for (const [form, key] of [
  ["PEM", privateKey.export({ format: "pem", type: "pkcs8" })],
  ["base64", privateKey.export({ format: "der", type: "pkcs8" }).toString("base64")],
]) {
  test(`a signature by a key as ${form} verifies`, async () => {
    const signed = event();
    signed.secrets.UMOJA_SIGNING_KEY = key;
    await action.onExecutePostLogin(signed);
    const { headers, body } = received[0];
    const [version, signature] = headers["webhook-signature"].split(",");
    assert.equal(version, "v1a");
    const content = (text) => Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`);
    const isSigned = (text) => verify(null, content(text), publicKey, Buffer.from(signature, "base64"));
    assert.ok(isSigned(body));
    assert.ok(!isSigned(`${body} `));
  });
}

test("before a gateway, the key of the source is a bearer token", async () => {
  const gated = event();
  gated.secrets.UMOJA_GATEWAY_KEY = "gate";
  await action.onExecutePostLogin(gated);
  assert.equal(received[0].headers["x-api-key"], "gate");
  assert.equal(received[0].headers.authorization, "Bearer key");
});

test("each event has a time and an id of its own", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1764417600123 });
  await action.onExecutePostLogin(event());
  mock.timers.setTime(1764421200456);
  await action.onExecutePostLogin(event());
  const [first, second] = received.map(({ body }) => JSON.parse(body));
  assert.equal(first.time, 1764417600123);
  assert.equal(second.time, 1764421200456);
  assert.equal(received[1].headers["webhook-timestamp"], "1764421200");
  assert.notEqual(first.id, second.id);
});

test("an exchange of a refresh token is no login", async () => {
  await action.onExecutePostLogin(event({ transaction: { protocol: "oauth2-refresh-token" } }));
  assert.deepEqual(received, []);
  await action.onExecutePostLogin(event({ transaction: { protocol: "oidc-basic-profile" } }));
  assert.equal(received.length, 1);
});

test("a server that fails is asked once more, with the same event", async () => {
  answer = (response) => response.writeHead(503).end();
  await action.onExecutePostLogin(event());
  assert.equal(received.length, 2);
  assert.equal(received[0].body, received[1].body);
  assert.equal(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
  assert.deepEqual(logged, ["umoja: status 503", "umoja: status 503"]);
});

test("a rejected event is not sent again", async () => {
  answer = (response) => response.writeHead(401).end("kim@example.com");
  await action.onExecutePostLogin(event());
  assert.equal(received.length, 1);
  assert.deepEqual(logged, ["umoja: status 401"]);
});

test("a server that never answers does not block a login", async () => {
  answer = () => {
    // The attempt is under way, so its time may run out.
    mock.timers.tick(2000);
  };
  mock.timers.enable({ apis: ["setTimeout"] });
  await action.onExecutePostLogin(event());
  assert.equal(received.length, 1);
  assert.deepEqual(logged, ["umoja: timed out"]);
});

test("no server, no secrets and no user do not fail a login", async () => {
  const closed = createServer();
  await new Promise((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const nowhere = `http://127.0.0.1:${closed.address().port}/`;
  await new Promise((resolve) => closed.close(resolve));
  for (const broken of [
    event({ secrets: { UMOJA_URL: nowhere, UMOJA_API_KEY: "key" } }),
    event({ secrets: { UMOJA_URL: url, UMOJA_API_KEY: "key", UMOJA_SIGNING_KEY: "no key" } }),
    event({ secrets: {} }),
    event({ secrets: undefined }),
    event({ user: undefined }),
    {},
    undefined,
  ]) {
    logged = [];
    assert.equal(await action.onExecutePostLogin(broken), undefined);
    assert.ok(logged.length > 0 && logged.every((line) => line === "umoja: not sent"), logged.join());
  }
  assert.deepEqual(received, []);
});

test("the action only reads its event and never uses the api", async () => {
  const forbidden = new Proxy({}, { get: () => assert.fail("the api was used") });
  answer = (response) => response.writeHead(500).end();
  const frozen = Object.freeze(event());
  for (const name of Object.keys(triggers)) await action[name](frozen, forbidden);
  assert.equal(received.length, 6);
  assert.ok(logged.every((line) => !line.includes("kim")));
});
