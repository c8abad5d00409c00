// Authlib, the back end of a client in Python. The browser is here.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { Browser, fetchAlone } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';

const CALLBACK = 'http://127.0.0.1:5000/callback';
const { UMOJA, PYTHON } = process.env;
const umoja = await start(UMOJA, {
  shop: ['--redirect-uri', CALLBACK, '--post-logout-redirect-uri', CALLBACK, '--first-party', 'true'],
});
try {
  for (let turn = 0; turn < 2; turn += 1) {
    const browser = new Browser(PERSON);
    const script = path.join(import.meta.dirname, 'authlib_client.py');
    const python = spawn(PYTHON, [script, umoja.issuer, 'shop', umoja.secrets.shop, CALLBACK], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((done) => { python.once('exit', done); });
    let person;
    for await (const line of readline.createInterface({ input: python.stdout })) {
      const said = JSON.parse(line);
      person = said.person ?? person;
      if (said.open) { python.stdin.write(`${(await browser.open(said.open, umoja.issuer)).url.href}\n`); }
    }
    assert.equal(await ended, 0);
    assert.deepEqual([person.email, person.given_name, browser.signedIn], [PERSON.email, PERSON.given_name, 1]);
    await fetchAlone(`${umoja.issuer}/oauth2/jwks`);
  }
  console.log('Authlib: login, refresh, introspection, revocation, logout');
} finally {
  await umoja.end();
}
