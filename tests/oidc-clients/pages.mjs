// The pages of single sign-on and of an account in Chromium: by the keyboard alone, on a narrow screen, in each language, held against
// axe (WCAG 2.2 AA). The pictures are kept. No step fails because of its time.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';
import { fetchAlone } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';
import { provesWhoItIs } from './factor-pages.mjs';
import { chromium, complaints, look, open, press, seen, sendIt, tabTo, type } from './keyboard.mjs';
import { startProvider } from './neighbour.mjs';

const { UMOJA, CHROMIUM, PICTURES, LANGUAGES } = process.env;
const MAX_SIGN_IN = 30 * 1024;

// The application: whatever it is asked for, it is an empty page.
const server = http.createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<!doctype html><title>App</title>');
});
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const app = `http://localhost:${server.address().port}`;
const neighbour = await startProvider();
const into = ['--redirect-uri', `${app}/callback`];
const umoja = await start(UMOJA, {
  web: ['--name', 'Duka la Soko', ...into, '--post-logout-redirect-uri', `${app}/bye`],
  strict: ['--name', 'Hazina', ...into, '--require-mfa', 'always'],
  fed: ['--name', 'Duka la Soko', ...into],
  tv: ['--public', '--grant', 'device_code', '--name', 'Soko TV'],
});
fs.writeFileSync(umoja.file('logo.png'), logo(240, 48, 8 * 1024));
umoja.umoja('company', 'set', 'soko', '--page-name', 'Soko', '--page-colour', '#0b6e4f', '--page-logo', umoja.file('logo.png'), '--registration', 'true');
umoja.umoja('company', 'add', 'jirani', '--out', umoja.file('jirani.json'));
umoja.umoja('provider', 'add', 'jirani', '--company', 'jirani', '--name', 'Jirani', '--issuer', neighbour.issuer, '--client-id', 'umoja',
  '--outbound-loopback');
umoja.umoja('client', 'set', 'fed', '--provider', 'jirani');
// Another company takes a code by mail where a second factor is needed.
umoja.umoja('company', 'add', 'posta', '--out', umoja.file('posta.json'));
umoja.umoja('company', 'set', 'posta', '--page-name', 'Posta', '--require-mfa', 'always', '--mfa-by-mail', 'true');
umoja.umoja('client', 'add', 'posta', '--company', 'posta', '--name', 'Posta', ...into);

// The provider is the deployment itself, at its own issuer: who comes back has signed in there.
umoja.umoja('company', 'add', 'elsewhere', '--out', umoja.file('elsewhere.json'));
const { client_secret: secret } = umoja.umoja('client', 'add', 'umoja', '--company', 'soko', '--name', 'Soko', '--first-party', 'true',
  '--redirect-uri', `${umoja.issuer}/federation/callback`);
fs.writeFileSync(umoja.file('provider.txt'), secret);
umoja.umoja('provider', 'add', 'elsewhere', '--company', 'elsewhere', '--name', 'Elsewhere', '--issuer', umoja.issuer, '--client-id', 'umoja',
  '--client-secret-file', umoja.file('provider.txt'), '--outbound-loopback');
umoja.umoja('company', 'set', 'soko', '--provider', 'elsewhere');
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 0 });

// A picture (PNG) of green stripes, as large as a logo may be.
function logo(width, height, bytes) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(zlib.crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const row = Buffer.concat([Buffer.alloc(1), ...Array.from({ length: width }, (_, x) => Buffer.from(x % 12 < 6 ? [11, 110, 79] : [255, 255, 255]))]);
  const picture = chunk('IDAT', zlib.deflateSync(Buffer.concat(Array(height).fill(row))));
  const parts = [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('tEXt', Buffer.alloc(0)), picture, chunk('IEND', Buffer.alloc(0))];
  parts[2] = chunk('tEXt', Buffer.alloc(bytes - Buffer.concat(parts).length, 'a'));
  return Buffer.concat(parts);
}

// The code of the last mail to an address, once it is there.
async function mailed(address) {
  const dir = umoja.file('d/mail');
  for (;;) {
    const files = fs.existsSync(dir) ? fs.readdirSync(dir).filter((name) => name.endsWith('.eml')).sort() : [];
    const mails = files.map((name) => fs.readFileSync(path.join(dir, name), 'utf8')).filter((text) => text.includes(`To: ${address}`));
    if (mails.length > 0) { return mails.at(-1).match(/\b\d{8}\b/)[0]; }
    await new Promise((done) => { setTimeout(done, 100); });
  }
}

// What an application asks for.
const asked = (more = {}) => `${umoja.issuer}/oauth2/authorize?${new URLSearchParams({
  client_id: 'web', redirect_uri: `${app}/callback`, response_type: 'code', scope: 'openid profile email', state: 's',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...more,
})}`;

// A sign-in to an application, by the keyboard alone.
async function signsIn(page, language) {
  const answer = await page.goto(asked({ prompt: 'consent' }));
  assert.ok((await answer.body()).length < MAX_SIGN_IN, 'the sign-in page is small');
  await look(page, language, 'sign-in');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'identifier');
  await type(page, 'identifier', PERSON.email);
  await type(page, 'password', 'wrong-password');
  await sendIt(page);
  await look(page, language, 'sign-in-wrong');
  assert.equal(await page.getByRole('alert').count(), 1);
  assert.equal(await page.locator('#identifier').inputValue(), PERSON.email);
  await type(page, 'password', PERSON.password);
  await sendIt(page);
  await look(page, language, 'consent');
  await press(page, 'button[value="allow"]');
  assert.equal(new URL(page.url()).pathname, '/callback');
}

// A person without an account makes one on its way to the application.
async function makesAnAccount(page, language) {
  await page.goto(asked());
  assert.equal(await page.locator('header img[alt="Soko"]').evaluate((picture) => picture.complete && picture.naturalWidth), 240);
  await press(page, 'a[href^="/register"]');
  await type(page, 'identifier', 'no address');
  await sendIt(page);
  await look(page, language, 'register');
  const address = `new-${language}@example.com`;
  await type(page, 'identifier', address);
  await sendIt(page);
  await type(page, 'code', '12345678');
  await type(page, 'given_name', 'Zawadi');
  await type(page, 'new_password', 'wobbly-giraffe-orbit-9');
  await sendIt(page);
  await look(page, language, 'register-code');
  await type(page, 'code', await mailed(address));
  await type(page, 'new_password', 'wobbly-giraffe-orbit-9');
  await sendIt(page);
  if (new URL(page.url()).pathname !== '/callback') { await press(page, 'button[value="allow"]'); }
  assert.equal(new URL(page.url()).pathname, '/callback');
  return address;
}

// A new password ends the session, and an erasure the account.
async function leaves(page, language, address) {
  const account = (section) => `${umoja.issuer}/account${section}?company=soko`;
  await page.goto(account('/password'));
  await type(page, 'current', 'wobbly-giraffe-orbit-9');
  await type(page, 'new', 'tall-baobab-lantern-4');
  await sendIt(page);
  await look(page, language, 'account-password-changed');
  await press(page, 'main a');
  await type(page, 'identifier', address);
  await type(page, 'password', 'tall-baobab-lantern-4');
  await sendIt(page);
  await page.goto(account('/erase'));
  await type(page, 'word', await page.locator('label[for="word"] bdi').innerText());
  await sendIt(page);
  await look(page, language, 'account-erased');
}

async function letsADeviceIn(page, language) {
  const body = new URLSearchParams({ client_id: 'tv', scope: 'openid' });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const device = await (await fetchAlone(`${umoja.issuer}/oauth2/device`, { method: 'POST', headers, body })).json();
  await page.goto(`${umoja.issuer}/device`);
  await look(page, language, 'device');
  await type(page, 'user_code', 'AAAA-AAAA');
  await sendIt(page);
  await look(page, language, 'device-wrong');
  await type(page, 'user_code', device.user_code);
  await sendIt(page);
  await look(page, language, 'device-confirm');
  await press(page, 'button[value="allow"]');
  await look(page, language, 'device-done');
  const other = await (await fetchAlone(`${umoja.issuer}/oauth2/device`, { method: 'POST', headers, body })).json();
  await page.goto(other.verification_uri_complete);
  await tabTo(page, '[name="user_code"]');
  await sendIt(page);
  await press(page, 'button[value="reject"]');
  await look(page, language, 'device-rejected');
}

async function looksAfterTheAccount(page, language) {
  const account = (section) => `${umoja.issuer}/account${section}?company=soko`;
  await page.goto(account(''));
  await look(page, language, 'account');
  // The first key leads past the links to the other pages.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  // On a small screen the list of pages takes one line, opens by the keyboard, and has targets of 24 pixels (WCAG 2.5.8).
  assert.ok(await page.evaluate(() => document.querySelector('header nav').getBoundingClientRect().height) < 64);
  await tabTo(page, 'summary');
  await page.keyboard.press('Enter');
  const sizes = await page.locator('header nav a').evaluateAll((links) => links.map((link) => {
    const { width, height } = link.getBoundingClientRect();
    return Math.min(width, height);
  }));
  assert.ok(sizes.length === 10 && sizes.every((least) => least >= 24), String(sizes));
  await look(page, language, 'account-pages');
  // The issuer itself leads here, and there is a page where there is nothing.
  await page.goto(`${umoja.issuer}/`);
  assert.equal(new URL(page.url()).pathname, '/account');
  await page.goto(`${umoja.issuer}/nothing`);
  await look(page, language, 'absent');
  await page.goto(account('/profile'));
  await type(page, 'name', 'Amina Okafor');
  await type(page, 'locality', language === 'ar' ? 'القاهرة' : 'Gulu');
  await sendIt(page);
  assert.equal(await page.getByRole('status').count(), 1);
  await look(page, language, 'account-profile');
  await page.goto(account('/addresses'));
  await look(page, language, 'account-addresses');
  await type(page, 'address', `amina-${language}@example.com`);
  await sendIt(page);
  await type(page, 'code', '12345678');
  await sendIt(page);
  await look(page, language, 'account-addresses-code');
  await page.goto(account('/sessions'));
  await look(page, language, 'account-sessions');
  await page.goto(account('/apps'));
  await look(page, language, 'account-apps');
  await press(page, 'button[name="withdraw"]');
  await look(page, language, 'account-apps-none');
  await page.goto(account('/password'));
  await type(page, 'current', 'not-my-password');
  await type(page, 'new', 'wobbly-giraffe-orbit-9');
  await sendIt(page);
  await look(page, language, 'account-password');
  await page.goto(account('/logins'));
  await look(page, language, 'account-logins-none');
  await press(page, 'main a[href^="/federation/start"]');
  await page.waitForURL(/account\/logins/);
  await look(page, language, 'account-logins-connect');
  await press(page, 'button[name="connect"]');
  assert.equal(await page.getByRole('status').count(), 1);
  await look(page, language, 'account-logins');
  await press(page, 'button[name="remove"]');
  assert.equal(await page.getByRole('status').count(), 1);
  await page.goto(account('/export'));
  await look(page, language, 'account-export');
  const download = async (selector) => {
    await tabTo(page, selector);
    const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
    return fs.readFileSync(await file.path(), 'utf8');
  };
  assert.ok((await download('main form:has([name="as"]) button')).includes(PERSON.email), 'the page to read');
  const exported = JSON.parse(await download('main form:not(:has([name="as"])) button'));
  assert.equal(exported.user.email, PERSON.email);
  assert.ok(exported.sign_on.sessions.length > 0);
  await page.goto(account('/erase'));
  await type(page, 'word', 'no');
  await sendIt(page);
  await look(page, language, 'account-erase');
  await press(page, 'main form ~ p a');
  assert.equal(new URL(page.url()).pathname, '/account');
}

async function signsOut(page, language) {
  await page.goto(`${umoja.issuer}/oauth2/logout?client_id=web`);
  await look(page, language, 'sign-out');
  await press(page, 'main button');
  await look(page, language, 'signed-out');
  await page.goto(`${umoja.issuer}/oauth2/authorize?client_id=unknown`);
  await look(page, language, 'bad-link');
  await page.goto(`${umoja.issuer}/account`);
  await look(page, language, 'account-nowhere');
  await page.goto(`${umoja.issuer}/account?company=soko`);
  await look(page, language, 'account-sign-in');
}

try {
  for (const language of LANGUAGES.split(' ')) {
    const page = await open(browser, language);
    await signsIn(page, language);
    await letsADeviceIn(page, language);
    await looksAfterTheAccount(page, language);
    await signsOut(page, language);
    // The language is changed by the keyboard, and stays.
    await page.goto(asked());
    const other = language === 'sw' ? 'fr' : 'sw';
    await press(page, `button[name="lang"][value="${other}"]`);
    await page.goto(asked({ ui_locales: 'pt' }));
    assert.equal(await page.evaluate(() => document.documentElement.lang), other);
    // So is that of a page about an error, which repeats nothing of the request.
    await page.goto(`${umoja.issuer}/oauth2/authorize?client_id=unknown&state=secret`);
    await press(page, `a[hreflang="${language}"]`);
    await look(page, language, 'bad-link-again');
    assert.ok(await page.getByRole('alert').count() === 1 && !page.url().includes('secret'));
    await page.context().close();
    const own = await open(browser, language);
    await provesWhoItIs(own, language, { umoja, asked, neighbour });
    await own.context().close();
    const newcomer = await open(browser, language);
    await leaves(newcomer, language, await makesAnAccount(newcomer, language));
    await newcomer.context().close();
    console.log(`${language}: sign-in, consent, device, account, sign-out, new password, factors, other providers and a new account by the keyboard`);
  }
  assert.deepEqual(complaints, []);
  console.log(`${seen.pages} pages without a finding of axe; the pictures are in ${PICTURES}`);
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
  neighbour.end();
  await umoja.end();
}
