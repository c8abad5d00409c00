// An Auth0 Action that has a user's accounts made in remote systems before the login continues, and shows the user how they
// come about if that takes longer than a moment.
//
// Paste it into an Action of the trigger post-login, after the one of auth0.js, and give it these secrets:
//   UMOJA_URL          the base URL of a region, as in /.well-known/umoja.json
//   UMOJA_COMPANY      the id of the company, which has the scopes users:provision and users:lookup
//   UMOJA_API_KEY      an API key of the company
//   UMOJA_KID          the id of its key
//   UMOJA_PRIVATE_KEY  the private Ed25519 key of this id, PKCS#8 as PEM or as the base64 of its DER form
//   UMOJA_TARGETS      the ids of its targets, with spaces between
//   UMOJA_RETURN_URL   the id of its return URL https://YOUR-DOMAIN/continue
//
// It needs no dependencies, and Node 18 or newer. A login never fails because of it: whatever happens, it returns within
// 2 seconds. It logs a code and no data of the user.
"use strict";

const { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify } = require("node:crypto");

/** Milliseconds that the request may take. */
const TIMEOUT_MS = 2000;
/** Milliseconds that the region waits for the targets. Who is up to date is seen to be within this time, and sees no page. */
const WAIT_MS = 1000;

const PATH = "/v1/users/provision";

const base64url = (data) => Buffer.from(data).toString("base64url");
const compact = (value) => base64url(JSON.stringify(value));
const digest = (text) => createHash("sha256").update(text).digest("base64url");

function privateKey(text) {
  return text.includes("-----BEGIN")
    ? createPrivateKey(text)
    : createPrivateKey({ key: Buffer.from(text, "base64"), format: "der", type: "pkcs8" });
}

/** A signed request (docs/requests.md) and its id. */
function request(secrets, body) {
  const now = Math.floor(Date.now() / 1000);
  const jti = randomUUID();
  const claims = {
    iss: secrets.UMOJA_COMPANY, aud: secrets.UMOJA_URL, iat: now, exp: now + 60, jti, htm: "POST",
    htu: secrets.UMOJA_URL + PATH, akh: digest(secrets.UMOJA_API_KEY), body,
  };
  const signed = `${compact({ alg: "EdDSA", kid: secrets.UMOJA_KID, typ: "umoja-req+jwt" })}.${compact(claims)}`;
  return { jti, token: `${signed}.${base64url(sign(null, Buffer.from(signed), privateKey(secrets.UMOJA_PRIVATE_KEY)))}` };
}

/** The body of an answer that the region signed for this request; null if it did not. */
async function opened(secrets, { jti, token }, answer, signal) {
  const [header, claims, signature] = answer.split(".");
  const { alg, kid, typ } = JSON.parse(Buffer.from(header, "base64url"));
  const published = await fetch(`${secrets.UMOJA_URL}/.well-known/jwks.json`, { redirect: "error", signal });
  const key = (await published.json()).keys.find((one) => one.kid === kid && one.alg === alg);
  if (typ !== "umoja-res+jwt" || alg !== "EdDSA" || !key) return null;
  const signed = Buffer.from(`${header}.${claims}`);
  const isOurs = verify(null, signed, createPublicKey({ key, format: "jwk" }), Buffer.from(signature, "base64url"));
  const { iss, aud, rjti, rqh, exp, status, body } = JSON.parse(Buffer.from(claims, "base64url"));
  const isMeant = iss === secrets.UMOJA_URL && aud === secrets.UMOJA_COMPANY && rjti === jti && rqh === digest(token);
  return isOurs && isMeant && exp + 5 > Date.now() / 1000 && status === 200 ? body : null;
}

/** The URL of the page, if an account is not decided yet. */
async function pending(event, signal) {
  const { secrets } = event;
  const body = {
    external_id: event.user.user_id, targets: secrets.UMOJA_TARGETS.split(" "), wait_ms: WAIT_MS,
    return_url: secrets.UMOJA_RETURN_URL,
  };
  const asked = request(secrets, body);
  const answer = await fetch(secrets.UMOJA_URL + PATH, {
    method: "POST",
    headers: { "content-type": "application/jwt", "x-api-key": secrets.UMOJA_API_KEY },
    body: asked.token,
    redirect: "error",
    signal,
  });
  const text = await answer.text();
  if (!answer.ok) {
    console.log(`umoja: status ${answer.status}`);
    return null;
  }
  const { provisioning } = (await opened(secrets, asked, text, signal)) ?? {};
  return provisioning?.accounts.some((account) => account.state === "pending") ? provisioning.url : null;
}

exports.onExecutePostLogin = async (event, api) => {
  // The trigger also runs when a refresh token is exchanged, and where no page can be shown.
  if (event?.transaction?.protocol === "oauth2-refresh-token" || !api.redirect.canRedirect()) return;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const url = await pending(event, abort.signal);
    if (url) api.redirect.sendUserTo(url);
  } catch {
    console.log(`umoja: ${abort.signal.aborted ? "timed out" : "not asked"}`);
  } finally {
    clearTimeout(timer);
  }
};

// The person comes back from the page, and the login continues whatever it showed.
exports.onContinuePostLogin = async () => {};
