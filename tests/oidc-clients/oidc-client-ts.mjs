// oidc-client-ts in Chromium: an application without a back end.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';
import { freePort } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';

const { UMOJA, CHROMIUM, NODE_PATH } = process.env;
const require = createRequire(`${NODE_PATH}/`);
const { chromium } = require('playwright-core');
const library = fs.readFileSync(path.join(NODE_PATH, 'oidc-client-ts/dist/browser/oidc-client-ts.min.js'));
const listens = (server, port) => new Promise((done) => { server.listen(port, '127.0.0.1', done); });

// The application: a page that does what the test calls. In a frame it hands its URL on.
const PAGE = `<!doctype html><title>App</title><script src="/library.js"></script><p>The application</p>
<script>if (window.parent !== window) { new oidc.UserManager({ authority: '', client_id: '', redirect_uri: '' }).signinSilentCallback(); }</script>`;
const app = http.createServer((request, response) => {
  const isLibrary = request.url === '/library.js';
  response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html' });
  response.end(isLibrary ? library : PAGE);
});
// What stands before the issuer's port: it ends each connection after one request, so that the regions take turns.
const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers, connection: 'close' };
  const onward = http.request({ host: '127.0.0.1', port: proxy.to, path: request.url, method: request.method, headers, agent: false },
    (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
});
const [issuerPort, appPort] = [await freePort(), await freePort()];
proxy.to = await freePort();
const issuer = `http://localhost:${issuerPort}`, origin = `http://localhost:${appPort}`;
const umoja = await start(UMOJA, {
  spa: ['--public', '--name', 'Soko in the browser', '--redirect-uri', `${origin}/callback`, '--redirect-uri', `${origin}/silent`,
    '--post-logout-redirect-uri', `${origin}/bye`],
}, ['--issuer-port', String(proxy.to), '--issuer', issuer]);
await listens(proxy, issuerPort);
await listens(app, appPort);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 0 });
try {
  assert.equal(umoja.issuer, issuer);
  for (let turn = 0; turn < 2; turn += 1) {
    const context = await browser.newContext();
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    const complaints = [];
    page.on('console', (message) => { if (/policy/i.test(message.text())) { complaints.push(message.text()); } });
    const manager = async (work, argument) => page.evaluate(async ([authority, own, source, given]) => {
      const make = (more) => new window.oidc.UserManager({
        authority, client_id: 'spa', redirect_uri: `${own}/callback`, silent_redirect_uri: `${own}/silent`,
        post_logout_redirect_uri: `${own}/bye`, scope: 'openid profile email', automaticSilentRenew: false,
        monitorSession: false, ...more,
      });
      return new Function(`return ${source}`)()(make, given);
    }, [issuer, origin, String(work), argument]);

    await page.goto(origin);
    await Promise.all([page.waitForURL(`${issuer}/**`), manager((make) => { make().signinRedirect(); })]);
    await page.getByLabel('Password').fill(PERSON.password);
    await page.locator('#identifier').fill(PERSON.email);
    await page.getByRole('button', { name: 'Sign in' }).click();
    if (turn === 0) { await page.getByRole('button', { name: 'Allow' }).click(); }
    await page.waitForURL(`${origin}/callback?**`);
    const user = await manager(async (make) => {
      const signedIn = await make().signinRedirectCallback();
      return { ...signedIn, profile: signedIn.profile };
    });
    assert.ok(user.profile.sub && user.access_token && user.refresh_token, JSON.stringify(user));

    // Silently: by the refresh token, and by a frame in which nobody is asked.
    const renewed = await manager(async (make) => (await make().signinSilent()).access_token);
    assert.notEqual(renewed, user.access_token);
    const framed = await manager(async (make) => {
      const manager = make();
      await manager.removeUser();
      const silent = manager.signinSilent({ forceIframeAuth: true });
      return (await silent).profile.sub;
    });
    assert.equal(framed, user.profile.sub);
    const person = await manager(async (make) => {
      const manager = make({ loadUserInfo: true });
      return (await manager.signinSilent()).profile;
    });
    assert.deepEqual([person.email, person.given_name], [PERSON.email, PERSON.given_name]);

    await Promise.all([page.waitForURL(`${origin}/bye**`), manager((make) => { make().signoutRedirect(); })]);
    const error = await manager(async (make) => {
      try { await make().signinSilent(); } catch (thrown) { return thrown.error; }
      return 'none';
    });
    assert.equal(error, 'login_required');
    assert.deepEqual(complaints, []);
    await context.close();
    await fetch(`${issuer}/oauth2/jwks`);
  }
  console.log('oidc-client-ts in Chromium: login, consent, silent renewal by token and by frame, logout');
} finally {
  await browser.close();
  for (const server of [proxy, app]) { server.closeAllConnections(); server.close(); }
  await umoja.end();
}
