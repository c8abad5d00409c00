// The vectors of sdk/vectors. UMOJA_SDK is the folder of the installed package, the built one beside this folder if absent.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const sdk = process.env.UMOJA_SDK ? pathToFileURL(`${process.env.UMOJA_SDK}/`) : new URL("../", import.meta.url);
const { checkAnswer, checkTimes, requestHash, signer, signingInput, signRequest } = await import(new URL("dist/jws.js", sdk));
const { verifyRegionWebhook, verifyWebhook } = await import(new URL("dist/index.js", sdk));
const vectors = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));

const { cases: requests, keys, public_keys } = vectors("requests");
for (const one of requests) {
  test(`request: ${one.name}`, async () => {
    const company = keys[one.key];
    assert.equal(await signingInput(company, one), one.signing_input);
    const token = await signRequest(company, await signer(company), one);
    if (one.token !== null) {
      assert.equal(token, one.token);
      assert.equal(await requestHash(token), one.rqh);
    } else {
      assert.ok(await verifies(one.key, public_keys[one.key], token));
    }
  });
}

test("a signer in place of a private key makes the same token", async () => {
  const [one] = requests;
  const { private_key_pem: _, ...company } = keys[one.key];
  const inner = await signer(keys[one.key]);
  const sign = (input) => inner(input);
  assert.equal(await signRequest(company, await signer({ ...company, sign }), one), one.token);
});

const answers = vectors("answers");
for (const one of answers.cases) {
  test(`answer: ${one.name}`, async () => {
    const { company, url, jti, rqh } = answers.request;
    const check = async () => {
      const claims = await checkAnswer(one.answer, answers.jwks.keys, { company, url, jti, rqh, httpStatus: one.http_status });
      checkTimes(claims, one.now);
      return claims;
    };
    if (one.rejected === undefined) assert.deepEqual(await check(), one.claims);
    else await assert.rejects(check, { reason: one.rejected });
  });
}

const { cases: webhooks, secret, signed_by_region: region } = vectors("webhooks");
for (const one of webhooks) {
  test(`webhook: ${one.name}`, () => expectEvent(one, () => verifyWebhook(one.body, one.headers, secret, one.now)));
}
for (const one of region.cases) {
  const against = { keys: region.jwks.keys, company: region.company, regions: region.regions, now: one.now };
  test(`webhook by a region: ${one.name}`, () =>
    expectEvent(one, () => verifyRegionWebhook(new TextEncoder().encode(one.body), new Headers(one.headers), against)));
}

async function expectEvent(one, verify) {
  if (one.rejected === null) assert.deepEqual(await verify(), JSON.parse(one.body));
  else await assert.rejects(verify, { name: "WebhookRejectedError", reason: one.rejected });
}

async function verifies(alg, pem, token) {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const [read, use] = {
    ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
    PS256: [{ name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
  }[alg];
  const key = await webcrypto.subtle.importKey("spki", der, read, false, ["verify"]);
  const [signed, signature] = [token.slice(0, token.lastIndexOf(".")), token.slice(token.lastIndexOf(".") + 1)];
  return webcrypto.subtle.verify(use, key, Buffer.from(signature, "base64url"), Buffer.from(signed));
}
