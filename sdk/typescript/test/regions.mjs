// Against the deployment that sdk/test/deployment.py runs.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const sdk = process.env.UMOJA_SDK ? pathToFileURL(`${process.env.UMOJA_SDK}/`) : new URL("../", import.meta.url);
const { ApiError, NoAnswerError, Umoja, UmojaError, verifyWebhook } = await import(new URL("dist/index.js", sdk));

const { UMOJA_COMPANY: file, UMOJA_CONTROL: control, UMOJA_TARGET: target } = process.env;
const [first, second] = process.env.UMOJA_REGIONS.split(" ");
const company = JSON.parse(readFileSync(file, "utf8"));
const client = (options = {}) => new Umoja({ company, regions: first, ...options });
const address = () => `person-${randomUUID()}@example.com`;
const disturb = async (what) => assert.ok((await fetch(`${control}/${what}`, { method: "POST", body: "" })).ok);

test("a person registers, logs in, changes the password and is found", async () => {
  const umoja = await Umoja.fromFile(file, first);
  const email = address();
  const { outcome, user } = await umoja.register({ email, password: "a long pass phrase", profile: { name: "Ọlá 😀" } });
  assert.equal(outcome, "created");
  assert.equal((await umoja.authenticate({ email, password: "a long pass phrase" })).authenticated, true);
  assert.equal((await umoja.authenticate({ email, password: "another" })).authenticated, false);
  const change = { id: user.id, current_password: "a long pass phrase", new_password: "and a longer phrase" };
  assert.equal((await umoja.changePassword(change)).changed, true);
  const updated = await umoja.update({ id: user.id, set: { profile: { name: null, nickname: "Ọ" } } });
  assert.deepEqual(updated.user.profile, { nickname: "Ọ" });
  assert.equal((await umoja.lookup({ email })).user.id, user.id);
});

test("a problem has its code and the id of the request", async () => {
  await assert.rejects(client().lookup({ username: "an-unknown-name" }), (error) => {
    assert.ok(error instanceof ApiError && error instanceof UmojaError);
    assert.deepEqual([error.code, error.status, error.isSigned, error.region], ["user_not_found", 404, true, first]);
    assert.match(error.requestId, /./);
    assert.ok(error.message.includes(error.requestId));
    return true;
  });
});

test("a wrong API key is an error without a signature", async () => {
  const stranger = new Umoja({ company: { ...company, api_key: "wrong" }, regions: first });
  await assert.rejects(stranger.lookup({ username: "x" }), { code: "unauthorized", status: 401, isSigned: false });
});

for (const hours of [-3, 3, 0.01]) {
  test(`a clock that is ${hours} hours off is corrected`, async () => {
    const umoja = client({ now: () => Date.now() + hours * 3_600_000 });
    const [{ user }] = await Promise.all([1, 2, 3].map(() => umoja.register({ email: address() })));
    assert.equal((await umoja.lookup({ id: user.id })).user.id, user.id);
    assert.ok(Math.abs(umoja.clockOffset + hours * 3600) < 3, String(umoja.clockOffset));
  });
}

test("an answer that is lost is asked for again, and nothing is done twice", async () => {
  const [umoja, idk, email] = [client({ retries: 1 }), randomUUID(), address()];
  await umoja.lookup({ username: "x" }).catch(() => {});
  await disturb("lose/0");
  const { outcome, user } = await umoja.register({ email }, { idk });
  const again = await umoja.register({ email }, { idk });
  assert.deepEqual([outcome, again.outcome, again.user.id], ["created", "created", user.id]);
});

test("while a region is out the next one answers, by a token of its own", async () => {
  const umoja = client();
  const { user } = await umoja.register({ email: address() });
  await disturb("stop/0");
  try {
    const answer = await umoja.call("/v1/users/lookup", { id: user.id, min_version: user.version });
    assert.equal(answer.region, second);
    const started = new Umoja({ company, regions: [first, second] });
    assert.equal((await started.lookup({ id: user.id })).user.id, user.id);
    await disturb("stop/1");
    await assert.rejects(umoja.lookup({ id: user.id }), NoAnswerError);
  } finally {
    await disturb("start/0");
    await disturb("start/1");
  }
  assert.equal((await umoja.lookup({ id: user.id })).user.id, user.id);
});

test("events come in pages, and a cursor of one region continues in another one", async () => {
  const after = Math.floor(Date.now() / 1000);
  const { user } = await client().register({ email: address() });
  const seen = [];
  let cursor;
  for await (const page of client().events({ after, wait_secs: 5 })) {
    seen.push(...page.events.filter((event) => event.subject === user.id).map((event) => event.type));
    cursor = page.cursor;
    if (seen.length > 0) break;
  }
  assert.ok(seen.includes("umoja.user.registered"), String(seen));
  await client().update({ id: user.id, set: { profile: { name: "Ada" } } });
  for await (const page of new Umoja({ company, regions: [second] }).events({ cursor })) {
    if (page.events.some((event) => event.type === "umoja.user.profile_changed" && event.subject === user.id)) break;
  }
  for await (const page of client().events({ after, once: true, limit: 1 })) assert.ok(page.events.length > 0);
});

test("accounts at a target are asked for and waited for", async () => {
  const umoja = client();
  const { user } = await umoja.register({ email: address() });
  const { provisioning } = await umoja.provision({ id: user.id, targets: [target] });
  const { accounts } = await umoja.waitForProvisioning(provisioning.ticket);
  assert.deepEqual(accounts.map((account) => [account.target, account.state]), [[target, "done"]]);
});

test("webhooks are verified by the secret, and by the region's key", async () => {
  const { secret } = JSON.parse(readFileSync(process.env.UMOJA_WEBHOOK, "utf8"));
  let arrived = [];
  while (arrived.length === 0) arrived = await (await fetch(`${control}/webhooks`)).json();
  const [{ headers, body }] = arrived;
  const at = Number(headers["webhook-timestamp"]);
  const event = await verifyWebhook(body, headers, secret, at);
  assert.match(event.type, /^umoja\.user\./);
  assert.deepEqual(await client().verifyWebhook(body, headers), event);
  await assert.rejects(client().verifyWebhook(`${body} `, headers), { reason: "sha256" });
});

test("a call ends when its signal is aborted", async () => {
  const signal = AbortSignal.timeout(50);
  await assert.rejects(client().call("/v1/events/list", { after: 4_000_000_000, wait_secs: 20 }, { signal }));
});
