// The examples of docs/sign-on.md: a person signs in to each of them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Browser, fetchAlone, freePort } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';
import { example } from './documented.mjs';

const { UMOJA, PYTHON } = process.env;
const umoja = await start(UMOJA, {
  'acme-web': ['--redirect-uri', 'http://127.0.0.1:*/callback', '--post-logout-redirect-uri', 'http://127.0.0.1:*', '--first-party', 'true'],
});
const here = import.meta.dirname;
fs.writeFileSync(path.join(here, 'express-example.mjs'), example('js'));
fs.writeFileSync(path.join(here, 'flask_example.py'), example('python'));
const programs = {
  Express: () => [process.execPath, 'express-example.mjs'],
  Flask: (port) => [PYTHON, '-m', 'flask', '--app', 'flask_example', 'run', '--port', String(port)],
};

try {
  for (const [name, words] of Object.entries(programs)) {
    const port = await freePort(), origin = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env, ISSUER: umoja.issuer, CLIENT_SECRET: umoja.secrets['acme-web'], PORT: String(port),
      COOKIE_SECRET: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex'),
    };
    const [program, ...rest] = words(port);
    const log = fs.openSync(umoja.file(`${name}.log`), 'w');
    const server = spawn(program, rest, { cwd: here, env, stdio: ['ignore', log, log] });
    const stopped = new Promise((done) => { server.once('exit', done); });
    try {
      for (;;) {
        assert.equal(server.exitCode, null, fs.readFileSync(umoja.file(`${name}.log`), 'utf8'));
        if (await fetchAlone(`${origin}/nothing`).catch(() => undefined)) { break; }
        await new Promise((done) => { setTimeout(done, 50); });
      }
      for (let turn = 0; turn < 2; turn += 1) {
        const browser = new Browser(PERSON);
        const page = await browser.open(`${origin}/`, origin, umoja.issuer);
        const said = fs.readFileSync(umoja.file(`${name}.log`), 'utf8');
        assert.deepEqual([page.status, page.html], [200, `Hello ${PERSON.given_name}`], `${page.url} ${said}`);
        await fetchAlone(`${umoja.issuer}/oauth2/jwks`);
      }
    } finally {
      server.kill('SIGTERM');
      await stopped;
    }
    console.log(`docs/sign-on.md: ${name}`);
  }
} finally {
  await umoja.end();
}
