// The program of passkeys in Chromium with its virtual authenticator: it makes keys of every algorithm and uses them, and what it sends is
// verified by @simplewebauthn/server and by webauthn of PyPI. With RECORD=FILE it writes what it sent, for the tests of the verifier.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const { CHROMIUM, NODE_PATH, PROGRAM, PYTHON, RECORD } = process.env;
const require = createRequire(`${NODE_PATH}/`);
const { chromium } = require('playwright-core');
const { verifyAuthenticationResponse, verifyRegistrationResponse } = require('@simplewebauthn/server');
const ALGORITHMS = { ES256: -7, EdDSA: -8, RS256: -257 };
const SITE = 'localhost';
const hex = (text) => Buffer.from(text, 'base64url').toString('hex');

// A page as the provider makes them, and what its form sends.
let options = {}, sent;
const server = http.createServer((request, response) => {
  if (request.url === '/assets/passkey.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' });
    return response.end(fs.readFileSync(PROGRAM));
  }
  if (request.method === 'POST') {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    return request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><title>Done</title><p>Done</p>');
      sent(Object.fromEntries(new URLSearchParams(body)));
    });
  }
  response.writeHead(200, {
    'content-type': 'text/html',
    'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'",
  });
  const value = JSON.stringify(options).replaceAll('"', '&quot;');
  return response.end(`<!doctype html><title>A page</title><form method="post" action="/"><input type="hidden" name="step" value="s">
<input type="hidden" name="options" value="${value}"><input type="hidden" name="answer" value=""><button>Use it</button></form>
<script src="/assets/passkey.js"></script>`);
});
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const origin = `http://${SITE}:${server.address().port}`;

const python = (kind, given) => execFileSync(PYTHON, ['-c', `
import json, sys, webauthn
from webauthn.helpers import base64url_to_bytes as b
from webauthn.helpers.cose import COSEAlgorithmIdentifier as A
given = json.load(sys.stdin)
common = dict(credential=given['credential'], expected_challenge=b(given['challenge']), expected_rp_id=given['site'], expected_origin=given['origin'])
if sys.argv[1] == 'create':
    webauthn.verify_registration_response(**common, require_user_verification=True, supported_pub_key_algs=[A(given['algorithm'])])
else:
    webauthn.verify_authentication_response(**common, require_user_verification=True, credential_public_key=b(given['key']), credential_current_sign_count=0)
`, kind], { input: JSON.stringify(given) });

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 0 });
const recorded = [];
try {
  for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
    const context = await browser.newContext();
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    const complaints = [];
    page.on('console', (message) => { if (/policy/i.test(message.text())) { complaints.push(message.text()); } });
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
    const answered = async (asked) => {
      options = { site: SITE, timeout: 60000, challenge: crypto.randomBytes(32).toString('base64url'), ...asked };
      const arrived = new Promise((done) => { sent = done; });
      await page.goto(`${origin}/`);
      await page.getByRole('button', { name: 'Use it' }).click();
      return JSON.parse((await arrived).answer);
    };
    const user = crypto.randomBytes(16).toString('base64url');
    const made = await answered({ call: 'create', verification: 'required', algorithms: [algorithm], user, name: 'amina', exclude: [] });
    const common = { expectedOrigin: origin, expectedRPID: SITE };
    const registration = {
      id: made.id, rawId: made.id, type: 'public-key', clientExtensionResults: {},
      response: { clientDataJSON: made.client_data, attestationObject: made.attestation, transports: made.transports },
    };
    const createChallenge = options.challenge;
    const known = await verifyRegistrationResponse({
      ...common, response: registration, expectedChallenge: createChallenge, supportedAlgorithmIDs: [algorithm],
    });
    assert.ok(known.verified && known.registrationInfo.userVerified);
    python('create', { credential: registration, challenge: createChallenge, site: SITE, origin, algorithm });

    // Any passkey of the site, as on the page of a sign-in; and one of the person's own, as on that of a second factor.
    for (const more of [{ verification: 'required' }, { verification: 'preferred', allow: [{ id: made.id, transports: made.transports }] }]) {
      const used = await answered({ call: 'get', ...more });
      assert.equal(used.user, user);
      const assertion = {
        id: used.id, rawId: used.id, type: 'public-key', clientExtensionResults: {},
        response: {
          clientDataJSON: used.client_data, authenticatorData: used.authenticator_data, signature: used.signature, userHandle: used.user,
        },
      };
      const { credential } = known.registrationInfo;
      const verified = await verifyAuthenticationResponse({
        ...common, response: assertion, expectedChallenge: options.challenge, credential: { ...credential, counter: 0 },
      });
      assert.ok(verified.verified);
      const key = Buffer.from(credential.publicKey).toString('base64url');
      python('get', { credential: assertion, challenge: options.challenge, site: SITE, origin, key });
      if (more.allow) {
        recorded.push({
          name: `chromium-${name}`, origin, credential_id: hex(made.id),
          create: { challenge: hex(createChallenge), clientDataJSON: hex(made.client_data), attestationObject: hex(made.attestation) },
          get: {
            challenge: hex(options.challenge), clientDataJSON: hex(used.client_data), authenticatorData: hex(used.authenticator_data),
            signature: hex(used.signature),
          },
        });
      }
    }
    assert.deepEqual(complaints, []);
    await context.close();
  }
  if (RECORD) { fs.writeFileSync(path.resolve(RECORD), `${JSON.stringify(recorded, null, 1)}\n`); }
  console.log('passkeys in Chromium: ES256, EdDSA and RS256, made and used, accepted by @simplewebauthn/server and webauthn');
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
