// mod_auth_openidc, a certified relying party, in an Apache of this directory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Browser, fetchAlone, freePort } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';
import { example } from './documented.mjs';

// `APACHE` has the files of the packages.
const { UMOJA, APACHE } = process.env;
const port = await freePort();
const origin = `http://127.0.0.1:${port}`, callback = `${origin}/secure/callback`;
const umoja = await start(UMOJA, {
  'acme-web': ['--redirect-uri', callback, '--post-logout-redirect-uri', `${origin}/bye`, '--first-party', 'true',
    '--backchannel-logout-uri', `${callback}?logout=backchannel`, '--outbound-loopback'],
});
// Apache leaves root's rights behind, so its files are everyone's to read.
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'umoja-apache-'));
fs.chmodSync(home, 0o755);
fs.mkdirSync(path.join(home, 'pages/secure'), { recursive: true });
fs.writeFileSync(path.join(home, 'pages/secure/index.html'), 'Only for who has signed in.\n');
fs.writeFileSync(path.join(home, 'pages/bye'), 'Signed out.\n');
const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'headers', 'auth_openidc'];
const load = modules.map((name) => `LoadModule ${name}_module ${APACHE}/usr/lib/apache2/modules/mod_${name}.so`);
fs.writeFileSync(path.join(home, 'httpd.conf'), `
${load.join('\n')}
ServerRoot ${home}
ServerName 127.0.0.1
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
Listen 127.0.0.1:${port}
PidFile ${home}/pid
ErrorLog ${home}/log
DocumentRoot ${home}/pages
DirectoryIndex index.html
# One process, because sessions are in its memory.
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
OIDCSessionType server-cache
OIDCInfoHook access_token id_token userinfo refresh_token session
OIDCRemoteUserClaim email
<Location /secure>
  Header set X-Person "expr=%{REMOTE_USER}"
</Location>
${example('apache')}
`);
const server = spawn(`${APACHE}/usr/sbin/apache2`, ['-f', `${home}/httpd.conf`, '-D', 'FOREGROUND'], {
  stdio: 'inherit',
  env: {
    ...process.env, LD_LIBRARY_PATH: `${APACHE}/usr/lib/x86_64-linux-gnu`, ISSUER: umoja.issuer, SITE: origin,
    CLIENT_SECRET: umoja.secrets['acme-web'], COOKIE_SECRET: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex'),
  },
});
const stopped = new Promise((done) => { server.once('exit', done); });
const until = async (what) => {
  for (;;) {
    const seen = await what().catch(() => undefined);
    if (seen) { return seen; }
    await new Promise((done) => { setTimeout(done, 50); });
  }
};

try {
  await until(async () => (await fetchAlone(`${origin}/bye`)).ok);
  const origins = [origin, umoja.issuer];
  for (let turn = 0; turn < 2; turn += 1) {
    const browser = new Browser(PERSON);
    const signsIn = async () => {
      const page = await browser.open(`${origin}/secure/`, ...origins);
      assert.deepEqual([page.status, page.html], [200, 'Only for who has signed in.\n'], `${page.url} ${page.html}`);
    };
    await signsIn();
    const page = await browser.ask(`${origin}/secure/`);
    assert.ok(page.headers.get('x-person').startsWith(PERSON.email), page.headers.get('x-person'));
    const info = async (more = '') => (await browser.ask(`${callback}?info=json${more}`)).json();
    const first = await info();
    assert.equal(first.userinfo.given_name, PERSON.given_name);
    const refreshed = await info('&access_token_refresh_interval=0');
    assert.ok(refreshed.access_token && refreshed.access_token !== first.access_token, 'a refreshed token');

    // The session ends at the provider, and the client learns of it from the provider alone.
    umoja.umoja('sessions', 'end', PERSON.email, '--session', first.id_token.sid);
    await until(async () => (await browser.ask(`${origin}/secure/`)).status === 302);
    await signsIn();
    assert.equal(browser.signedIn, 2);

    const bye = await browser.open(`${callback}?logout=${encodeURIComponent(`${origin}/bye`)}`, ...origins);
    assert.deepEqual([bye.url.href, bye.html], [`${origin}/bye`, 'Signed out.\n']);
    await signsIn();
    assert.equal(browser.signedIn, 3, 'the logout has ended the session at the provider');
    await fetchAlone(`${umoja.issuer}/oauth2/jwks`);
  }
  console.log('mod_auth_openidc: login, refresh, back-channel logout, logout');
} catch (error) {
  process.stderr.write(fs.readFileSync(`${home}/log`, 'utf8').slice(-4000));
  throw error;
} finally {
  server.kill('SIGTERM');
  await stopped;
  await umoja.end();
  fs.rmSync(home, { recursive: true });
}
