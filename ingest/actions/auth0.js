// An Auth0 Action that sends each registration, login and changed password to Umoja.
//
// Paste it into one Action for each of the triggers post-user-registration, post-login and post-change-password, and
// give each these secrets:
//   UMOJA_URL          the address of the source, as `umoja source add` prints it
//   UMOJA_API_KEY      the API key of the source
//   UMOJA_GATEWAY_KEY  on AWS: the key of the region's gateway (`terraform output -raw sources_key`)
//   UMOJA_SIGNING_KEY  optional: the private Ed25519 key whose public key the source has, PKCS#8 as PEM or as the
//                      base64 of its DER form
//
// It needs no dependencies, and Node 18 or newer. A login never fails because of it: whatever happens, it returns within
// 2 seconds. It logs a code and no data of the user.
"use strict";

const { createPrivateKey, randomUUID, sign } = require("node:crypto");

/** Milliseconds that an event may take, with its retry. */
const TIMEOUT_MS = 2000;

/** What is sent of a user: what an import takes of the same user, and nothing else. */
const MEMBERS = [
  "user_id", "email", "email_verified", "phone_number", "phone_verified", "username", "name", "given_name",
  "family_name", "nickname", "picture", "locale", "created_at", "updated_at", "blocked", "user_metadata",
  "app_metadata",
];

function privateKey(text) {
  return text.includes("-----BEGIN")
    ? createPrivateKey(text)
    : createPrivateKey({ key: Buffer.from(text, "base64"), format: "der", type: "pkcs8" });
}

/** The headers of Standard Webhooks (https://www.standardwebhooks.com), signed if there is a key. */
function headers(secrets, id, seconds, body) {
  const all = {
    "content-type": "application/json",
    "x-api-key": secrets.UMOJA_GATEWAY_KEY || secrets.UMOJA_API_KEY,
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
  };
  if (secrets.UMOJA_GATEWAY_KEY) all.authorization = `Bearer ${secrets.UMOJA_API_KEY}`;
  if (secrets.UMOJA_SIGNING_KEY) {
    const signature = sign(null, Buffer.from(`${id}.${seconds}.${body}`), privateKey(secrets.UMOJA_SIGNING_KEY));
    all["webhook-signature"] = `v1a,${signature.toString("base64")}`;
  }
  return all;
}

/** One attempt; false if another one may succeed. */
async function post(secrets, id, body, signal) {
  try {
    const answer = await fetch(secrets.UMOJA_URL, {
      method: "POST",
      headers: headers(secrets, id, Math.floor(Date.now() / 1000), body),
      body,
      redirect: "error",
      signal,
    });
    await answer.body?.cancel();
    if (answer.ok) return true;
    console.log(`umoja: status ${answer.status}`);
    return answer.status < 500 && answer.status !== 429;
  } catch {
    console.log(`umoja: ${signal.aborted ? "timed out" : "not sent"}`);
    return signal.aborted;
  }
}

async function send(trigger, event) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const user = {};
    for (const name of MEMBERS) if (event.user[name] !== undefined) user[name] = event.user[name];
    // The time is that of this event: an Action's module lives for many events. A retry has the same id.
    const id = randomUUID();
    const body = JSON.stringify({ v: 1, id, trigger, time: Date.now(), user });
    const attempt = () => post(event.secrets, id, body, abort.signal);
    if (!(await attempt())) await attempt();
  } catch {
    console.log("umoja: not sent");
  } finally {
    clearTimeout(timer);
  }
}

exports.onExecutePostUserRegistration = async (event) => {
  await send("post-user-registration", event);
};

exports.onExecutePostLogin = async (event) => {
  // The trigger also runs when a refresh token is exchanged, which is no login.
  if (event?.transaction?.protocol === "oauth2-refresh-token") return;
  await send("post-login", event);
};

exports.onExecutePostChangePassword = async (event) => {
  await send("post-change-password", event);
};
