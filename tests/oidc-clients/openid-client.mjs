// openid-client, a certified relying party, against two regions that take turns.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as oidc from 'openid-client';
import { Browser, fetchAlone } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';

const CALLBACK = 'http://127.0.0.1:5000/callback';
const GOODBYE = 'http://127.0.0.1:5000/goodbye';
const SCOPE = 'openid profile email offline_access';

const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
const jwks = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'umoja-jwks-')), 'jwks.json');
const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey);
fs.writeFileSync(jwks, JSON.stringify({ keys: [{ kty, crv, x, y, kid: 'bank', use: 'sig', alg: 'ES256' }] }));

const ANY_PORT = ['--redirect-uri', 'http://127.0.0.1:*/callback'];
const umoja = await start(process.env.UMOJA, {
  web: [...ANY_PORT, '--post-logout-redirect-uri', GOODBYE, '--first-party', 'true'],
  post: [...ANY_PORT, '--first-party', 'true', '--auth-method', 'client_secret_post', '--id-token-alg', 'RS256'],
  app: [...ANY_PORT, '--public'],
  bank: [...ANY_PORT, '--auth-method', 'private_key_jwt', '--jwks', jwks, '--require-par', 'true', '--dpop', 'true'],
  tv: ['--public', '--grant', 'device_code', '--grant', 'refresh_token', '--name', 'A television'],
  robot: ['--grant', 'client_credentials', '--scopes', 'orders.read,orders.write', '--audience', 'https://orders.example'],
});

const allow = [oidc.allowInsecureRequests];
const discovered = async (id, authentication) => {
  const options = { execute: allow, [oidc.customFetch]: fetchAlone };
  const config = await oidc.discovery(new URL(umoja.issuer), id, {}, authentication, options);
  config[oidc.customFetch] = fetchAlone;
  return config;
};

// A code, by the browser. `push` pushes the request before.
async function signIn(config, browser, { push = false, parameters = {}, dpop } = {}) {
  const verifier = oidc.randomPKCECodeVerifier(), state = oidc.randomState(), nonce = oidc.randomNonce();
  const request = {
    redirect_uri: CALLBACK, scope: SCOPE, state, nonce, code_challenge_method: 'S256',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), ...parameters,
  };
  const url = push ? await oidc.buildAuthorizationUrlWithPAR(config, request, dpop && { DPoP: dpop })
    : oidc.buildAuthorizationUrl(config, request);
  const end = await browser.open(url, umoja.issuer);
  assert.ok(end.url.href.startsWith(CALLBACK), `${end.url} ${end.html}`);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  return { url: end.url, checks };
}

const redeem = ({ url, checks }, config, dpop) =>
  oidc.authorizationCodeGrant(config, url, checks, undefined, dpop && { DPoP: dpop });

const rejects = (promise, error) => assert.rejects(promise, (thrown) => {
  assert.equal(thrown.error, error, thrown);
  return true;
});

// An end counts in the other region once it has arrived there.
async function ends(config, token, options) {
  for (let attempts = 0; attempts < 600; attempts += 1) {
    const ended = await oidc.refreshTokenGrant(config, token, undefined, options).then(() => false, (error) => error);
    if (ended) {
      assert.equal(ended.error, 'invalid_grant', ended);
      return;
    }
  }
  assert.fail('the refresh token has not ended');
}

async function confidential() {
  const config = await discovered('web', oidc.ClientSecretBasic(umoja.secrets.web));
  const browser = new Browser(PERSON);
  const tokens = await redeem(await signIn(config, browser), config);
  const claims = tokens.claims();
  assert.equal(claims.email, undefined, 'the claims of scopes are those of userinfo');
  const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([person.email, person.email_verified, person.given_name, person.family_name],
    [PERSON.email, true, PERSON.given_name, PERSON.family_name]);

  // The second application, in the same browser, without a password, and with the same subject.
  const other = await discovered('post', oidc.ClientSecretPost(umoja.secrets.post));
  const silent = await redeem(await signIn(other, browser, { parameters: { prompt: 'none' } }), other);
  assert.deepEqual([silent.claims().sub, browser.signedIn], [claims.sub, 1]);
  const header = JSON.parse(Buffer.from(silent.id_token.split('.')[0], 'base64url'));
  assert.equal(header.alg, 'RS256');
  const again = await redeem(await signIn(other, browser, { parameters: { max_age: '0', prompt: 'login' } }), other);
  assert.deepEqual([again.claims().sub, browser.signedIn], [claims.sub, 2]);

  // Refreshing, in each region.
  let refreshed = tokens;
  for (let i = 0; i < 4; i += 1) {
    refreshed = await oidc.refreshTokenGrant(config, refreshed.refresh_token ?? tokens.refresh_token);
    await oidc.fetchUserInfo(config, refreshed.access_token, claims.sub);
  }
  assert.equal((await oidc.tokenIntrospection(config, refreshed.access_token)).active, true);
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true);

  // Revoking ends the refresh token, and what came from it.
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await ends(config, tokens.refresh_token);

  // A logout ends the session for both applications.
  const end = await browser.open(oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE, state: 'bye',
  }), umoja.issuer);
  assert.equal(end.url.href, `${GOODBYE}?state=bye`);
  const asked = await browser.open(oidc.buildAuthorizationUrl(other, {
    redirect_uri: CALLBACK, scope: 'openid', prompt: 'none', state: 'after',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  }), umoja.issuer);
  assert.equal(asked.url.searchParams.get('error'), 'login_required');
  assert.equal(asked.url.searchParams.get('iss'), umoja.issuer);
}

async function codes() {
  const config = await discovered('web', oidc.ClientSecretBasic(umoja.secrets.web));
  const browser = new Browser(PERSON);
  // The code of one region is redeemed in the other one, and in whichever order only once.
  for (let i = 0; i < 4; i += 1) {
    const code = await signIn(config, browser);
    const tokens = await redeem(code, config);
    if (i % 2 === 1) { await fetchAlone(`${umoja.issuer}/oauth2/jwks`); }
    await rejects(redeem(code, config), 'invalid_grant');
    await ends(config, tokens.refresh_token);
  }
  const code = await signIn(config, browser);
  code.checks.pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  await rejects(redeem(code, config), 'invalid_grant');
}

async function publicApp() {
  const config = await discovered('app', oidc.None());
  const browser = new Browser(PERSON);
  const tokens = await redeem(await signIn(config, browser), config);
  const first = tokens.refresh_token;
  const second = await oidc.refreshTokenGrant(config, first);
  assert.notEqual(second.refresh_token, first);
  // An answer that got lost: the same token again, in the other region too, has the same successor.
  for (let i = 0; i < 2; i += 1) {
    const retried = await oidc.refreshTokenGrant(config, first);
    assert.equal(retried.refresh_token, second.refresh_token);
  }
  const third = await oidc.refreshTokenGrant(config, second.refresh_token);
  await oidc.tokenRevocation(config, third.refresh_token);
  await ends(config, third.refresh_token);

  // The same client with a key.
  const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const bound = await redeem(await signIn(config, browser, { push: true, dpop }), config, dpop);
  assert.equal(bound.token_type, 'dpop');
  await oidc.fetchUserInfo(config, bound.access_token, bound.claims().sub, { DPoP: dpop });
  const renewed = await oidc.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP: dpop });
  assert.equal(renewed.token_type, 'dpop');
  const stranger = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  await rejects(oidc.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP: stranger }), 'invalid_dpop_proof');
}

async function bank() {
  const key = { key: keys.privateKey, kid: 'bank' };
  const config = await discovered('bank', oidc.PrivateKeyJwt(key));
  const browser = new Browser(PERSON);
  const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const tokens = await redeem(await signIn(config, browser, { push: true, dpop }), config, dpop);
  assert.equal(tokens.token_type, 'dpop');
  const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP: dpop });
  assert.equal(person.email, PERSON.email);
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: dpop });
  await oidc.fetchUserInfo(config, renewed.access_token, tokens.claims().sub, { DPoP: dpop });
}

async function robot() {
  const config = await discovered('robot', oidc.ClientSecretBasic(umoja.secrets.robot));
  for (let i = 0; i < 2; i += 1) {
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'orders.read' });
    const state = await oidc.tokenIntrospection(config, tokens.access_token);
    assert.deepEqual([state.active, state.scope, state.aud], [true, 'orders.read', 'https://orders.example']);
  }
}

async function television() {
  const config = await discovered('tv', oidc.None());
  const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });
  const done = await new Browser(PERSON).open(device.verification_uri_complete, umoja.issuer);
  assert.equal(done.status, 200, done.html);
  const tokens = await oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 });
  const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(person.given_name, PERSON.given_name);
}

async function operator() {
  const config = await discovered('web', oidc.ClientSecretBasic(umoja.secrets.web));
  const browser = new Browser(PERSON);
  const tokens = await redeem(await signIn(config, browser, { parameters: { scope: 'openid email' } }), config);
  const { sid, sub } = tokens.claims();
  const listed = umoja.umoja('sessions', 'list', PERSON.email);
  const session = listed.sessions.find(({ sids }) => sids.web === sid);
  assert.deepEqual(session.clients, ['web']);
  umoja.umoja('sessions', 'end', PERSON.email, '--session', sid);
  for (;;) {
    const states = [];
    for (const region of umoja.regions) {
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      states.push((await fetchAlone(`${region.url}/oauth2/userinfo`, { headers })).status);
    }
    if (states.every((state) => state === 401)) { break; }
  }
  assert.ok(sub && !umoja.umoja('sessions', 'list', PERSON.email).sessions.some(({ id }) => id === session.id));
}

try {
  const steps = { confidential, codes, publicApp, bank, television, robot, operator };
  const only = process.argv.slice(2);
  for (const [name, step] of Object.entries(steps)) {
    if (only.length && !only.includes(name)) { continue; }
    // Twice, each region first once.
    for (let turn = 0; turn < 2; turn += 1) {
      await step();
      await fetchAlone(`${umoja.issuer}/oauth2/jwks`);
    }
    console.log(`openid-client: ${name}`);
  }
} finally {
  await umoja.end();
  fs.rmSync(path.dirname(jwks), { recursive: true });
}
