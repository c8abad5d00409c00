// The pages of single sign-on and of an account in Chromium: by the keyboard alone, on a narrow screen, in each language, held against
// axe (WCAG 2.2 AA). The pictures are kept. No step fails because of its time.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';
import { createRequire } from 'node:module';
import { fetchAlone } from './browser.mjs';
import { PERSON, start } from './deployment.mjs';

const { UMOJA, CHROMIUM, NODE_PATH, PICTURES, LANGUAGES } = process.env;
const require = createRequire(`${NODE_PATH}/`);
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(path.join(NODE_PATH, 'axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const MAX_SIGN_IN = 30 * 1024;

fs.mkdirSync(PICTURES, { recursive: true });
// The application: whatever it is asked for, it is an empty page.
const server = http.createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<!doctype html><title>App</title>');
});
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const app = `http://localhost:${server.address().port}`;
const umoja = await start(UMOJA, {
  web: ['--name', 'Duka la Soko', '--redirect-uri', `${app}/callback`, '--post-logout-redirect-uri', `${app}/bye`],
  tv: ['--public', '--grant', 'device_code', '--name', 'Soko TV'],
});
fs.writeFileSync(umoja.file('logo.png'), logo(240, 48, 8 * 1024));
umoja.umoja('company', 'set', 'soko', '--page-name', 'Soko', '--page-colour', '#0b6e4f', '--page-logo', umoja.file('logo.png'), '--registration', 'true');
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 0 });
const complaints = [];
let seen = 0;

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

async function open(language) {
  const context = await browser.newContext({ locale: language, viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
  context.setDefaultTimeout(0);
  const page = await context.newPage();
  page.on('console', (message) => { if (/policy/i.test(message.text())) { complaints.push(message.text()); } });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
}

// Holds a page against the rules, and takes its picture.
async function look(page, language, name) {
  const root = await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
  assert.deepEqual(root, [language, language === 'ar' ? 'rtl' : 'ltr'], name);
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(found, [], `${language} ${name}`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 320, `${language} ${name} is ${width} pixels wide`);
  await page.screenshot({ path: path.join(PICTURES, `${name}.${language}.png`), fullPage: true });
  seen += 1;
}

// Goes on with the Tab key until what this selects has the focus, which is to be seen.
async function tabTo(page, selector) {
  for (let step = 0; step < 60; step += 1) {
    const there = await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
    if (there) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', `${selector} shows no focus`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach ${selector}`);
}
async function type(page, name, text) {
  await tabTo(page, `[name="${name}"]`);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}
const press = async (page, selector) => {
  await tabTo(page, selector);
  await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')]);
  await page.waitForLoadState();
};
const sendIt = async (page) => {
  await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')]);
  await page.waitForLoadState();
};

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
}

async function looksAfterTheAccount(page, language) {
  const account = (section) => `${umoja.issuer}/account${section}?company=soko`;
  await page.goto(account(''));
  await look(page, language, 'account');
  // The first key leads past the links to the other pages.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
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
  await page.goto(account('/export'));
  await look(page, language, 'account-export');
  await tabTo(page, 'main button');
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  const exported = JSON.parse(fs.readFileSync(await download.path(), 'utf8'));
  assert.equal(exported.user.email, PERSON.email);
  await page.goto(account('/erase'));
  await type(page, 'word', 'no');
  await sendIt(page);
  await look(page, language, 'account-erase');
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
    const page = await open(language);
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
    await page.context().close();
    const newcomer = await open(language);
    await makesAnAccount(newcomer, language);
    await newcomer.context().close();
    console.log(`${language}: sign-in, consent, device, account and sign-out by the keyboard`);
  }
  assert.deepEqual(complaints, []);
  console.log(`${seen} pages without a finding of axe; the pictures are in ${PICTURES}`);
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
  await umoja.end();
}
