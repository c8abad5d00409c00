// `node --test ingest/actions`
"use strict";

const assert = require("node:assert/strict");
const { createHash, generateKeyPairSync, sign, verify } = require("node:crypto");
const { createServer } = require("node:http");
const { afterEach, beforeEach, mock, test } = require("node:test");

const action = require("./auth0-provision.js");

const [company, region, other] = [0, 1, 2].map(() => generateKeyPairSync("ed25519"));
const PEM = { format: "pem", type: "pkcs8" };
const PAGE = "https://eu.example/s#a-ticket";

let server, url, received, logged, answer;

const decoded = (part) => JSON.parse(Buffer.from(part, "base64url"));
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const digest = (text) => createHash("sha256").update(text).digest("base64url");

/** The answer of a region to a request. */
function signed(token, accounts, { key = region.privateKey, ...more } = {}) {
  const { aud, iss, jti, iat } = decoded(token.split(".")[1]);
  const claims = {
    iss: aud, aud: iss, rjti: jti, rqh: digest(token), iat, exp: iat + 60, status: 200,
    body: { id: "7", version: "1", provisioning: { ticket: "a-ticket", url: PAGE, accounts } }, ...more,
  };
  const content = `${encoded({ alg: "EdDSA", kid: "r-1", typ: "umoja-res+jwt" })}.${encoded(claims)}`;
  return `${content}.${sign(null, Buffer.from(content), key).toString("base64url")}`;
}

const accounts = (...states) => states.map((state, n) => ({ target: `t-${n}`, state }));
const answers = (states, more) => (token, response) => response.end(signed(token, accounts(...states), more));

beforeEach(async () => {
  [received, logged] = [[], []];
  server = createServer((request, response) => {
    if (request.url === "/.well-known/jwks.json") {
      const jwk = { ...region.publicKey.export({ format: "jwk" }), kid: "r-1", alg: "EdDSA" };
      return response.end(JSON.stringify({ keys: [jwk] }));
    }
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const token = Buffer.concat(chunks).toString();
      received.push({ path: request.url, headers: request.headers, token });
      answer(token, response);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  mock.method(console, "log", (line) => logged.push(line));
});

afterEach(async () => {
  mock.restoreAll();
  mock.timers.reset();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function event(more = {}) {
  return {
    user: { user_id: "auth0|7", email: "kim@example.com" },
    secrets: {
      UMOJA_URL: url, UMOJA_COMPANY: "soko", UMOJA_API_KEY: "key", UMOJA_KID: "soko-1",
      UMOJA_PRIVATE_KEY: company.privateKey.export(PEM), UMOJA_TARGETS: "soko-crm soko-desk", UMOJA_RETURN_URL: "auth0",
    },
    ...more,
  };
}

/** Where a login is sent to. */
async function sentTo(login = event(), canRedirect = true) {
  const sent = [];
  await action.onExecutePostLogin(login, { redirect: { canRedirect: () => canRedirect, sendUserTo: (to) => sent.push(to) } });
  return sent;
}

test("who has to wait for an account sees the page", async () => {
  answer = answers(["done", "pending"]);
  assert.deepEqual(await sentTo(), [PAGE]);
  const [{ path, headers, token }] = received;
  assert.equal(path, "/v1/users/provision");
  assert.equal(headers["x-api-key"], "key");
  assert.equal(headers["content-type"], "application/jwt");
  const [header, claims, signature] = token.split(".");
  assert.deepEqual(decoded(header), { alg: "EdDSA", kid: "soko-1", typ: "umoja-req+jwt" });
  assert.ok(verify(null, Buffer.from(`${header}.${claims}`), company.publicKey, Buffer.from(signature, "base64url")));
  const { body, htu, exp, iat, akh } = decoded(claims);
  assert.deepEqual(body, {
    external_id: "auth0|7", targets: ["soko-crm", "soko-desk"], wait_ms: 1000, return_url: "auth0",
  });
  assert.deepEqual([htu, exp - iat, akh], [`${url}/v1/users/provision`, 60, digest("key")]);
  assert.deepEqual(logged, []);
});

test("who is up to date, or cannot be helped by waiting, sees no page", async () => {
  for (const states of [["done", "done"], ["failed", "done"], ["held", "inactive"], ["not_in_scope"]]) {
    answer = answers(states);
    assert.deepEqual(await sentTo(), [], states.join());
  }
});

test("an answer that is not the region's answer to this request leads nowhere", async () => {
  for (const more of [
    { key: other.privateKey }, { aud: "kiosk" }, { iss: "https://other.example" }, { rjti: "another" }, { rqh: "another" },
    { exp: 1 }, { status: 404 },
  ]) {
    answer = answers(["pending"], more);
    assert.deepEqual(await sentTo(), [], JSON.stringify(more));
  }
});

test("where no page can be shown, nothing is asked", async () => {
  answer = answers(["pending"]);
  assert.deepEqual(await sentTo(event(), false), []);
  assert.deepEqual(await sentTo(event({ transaction: { protocol: "oauth2-refresh-token" } })), []);
  assert.deepEqual(received, []);
});

test("a region that rejects, fails, or never answers does not block a login", async () => {
  answer = (_, response) => response.writeHead(403).end("kim@example.com");
  assert.deepEqual(await sentTo(), []);
  answer = (_, response) => response.end("no token");
  assert.deepEqual(await sentTo(), []);
  mock.timers.enable({ apis: ["setTimeout"] });
  answer = () => mock.timers.tick(2000);
  assert.deepEqual(await sentTo(), []);
  assert.deepEqual(logged, ["umoja: status 403", "umoja: not asked", "umoja: timed out"]);
  for (const broken of [event({ secrets: {} }), event({ secrets: undefined }), event({ user: undefined }), {}, null]) {
    assert.deepEqual(await sentTo(broken), []);
  }
  assert.ok(logged.slice(3).every((line) => line === "umoja: not asked"), logged.join());
});

test("the login continues after the page", async () => {
  assert.equal(await action.onContinuePostLogin(event(), {}), undefined);
});
