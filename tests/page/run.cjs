// The status page in Chromium. No step fails because of its time.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const fronts = require('./front.cjs');
const deployments = require('./regions.cjs');
const servers = require('./targets.cjs');
const action = require('../../ingest/actions/auth0-provision.js');

const { UMOJA, CHROMIUM, PICTURES } = process.env;
const MAX_FIRST_VIEW = 30 * 1024;

// Notes every event of the page's EventSource, and every connection.
const noting = () => {
  window.noted = { rows: [], opened: 0 };
  const Original = window.EventSource;
  window.EventSource = class extends Original {
    constructor(...words) {
      super(...words);
      this.addEventListener('open', () => { window.noted.opened += 1; });
      this.addEventListener('accounts', (event) => {
        for (const row of JSON.parse(event.data)) { window.noted.rows.push(`${row.target} ${row.sequence}`); }
      });
    }
  };
};

async function until(what) {
  for (;;) {
    const seen = await what();
    if (seen) { return seen; }
    await new Promise((done) => { setTimeout(done, 100); });
  }
}

async function main() {
  fs.mkdirSync(PICTURES, { recursive: true });
  const targets = { 'soko-crm': await servers.start(), 'soko-desk': await servers.start() };
  const deployment = await deployments.start(UMOJA, targets);
  const [here, there] = deployment.regions;
  const front = await fronts.start(here.port);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 0 });
  const complaints = [];
  const open = async (options, before) => {
    const context = await browser.newContext({ viewport: { width: 320, height: 640 }, ...options });
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    page.on('console', (message) => { if (/policy/i.test(message.text())) { complaints.push(message.text()); } });
    page.on('pageerror', (error) => complaints.push(String(error)));
    if (before) { await page.addInitScript(before); }
    return page;
  };
  const picture = (page, name) => page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
  const state = (page, id, name) => page.locator(`#account-${id}.${name}`).waitFor();
  const ticket = (name) => deployment.call('register', {
    email: `${name}@example.com`, email_verified: true, provision: Object.keys(targets), return_url: 'shop',
  }).provisioning.url.split('#')[1];

  try {
    targets['soko-desk'].isDown = true;
    const first = ticket('amina');
    const page = await open({ locale: 'en-KE', reducedMotion: 'reduce' }, noting);
    const bytes = [];
    page.on('response', async (response) => {
      if (new URL(response.url()).pathname === '/s') { bytes.push((await response.body()).length); }
    });
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${front.url}/s#${first}`);
    await state(page, 'soko-crm', 'done');
    await page.getByText('Does not answer yet').waitFor();
    assert.equal(await page.locator('#summary').textContent(), 'Ready: 1 of 2');
    assert.deepEqual([new URL(page.url()).hash, await page.evaluate(() => document.cookie)], ['', '']);
    assert.ok(bytes.length === 1 && bytes[0] < MAX_FIRST_VIEW, `the first view has ${bytes} bytes`);
    assert.ok(asked.every((url) => url.startsWith(front.url) && !url.includes(first.slice(0, 40)) || url.endsWith(`#${first}`)));
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'nothing moves');
    assert.equal(await page.locator('header').evaluate((head) => getComputedStyle(head).backgroundColor), 'rgb(11, 110, 79)');
    assert.equal(await page.locator('#back').getAttribute('href'), 'https://soko.example/account');
    await until(() => page.evaluate(() => window.noted.opened > 0 && window.noted.rows.length > 1));
    await picture(page, 'one-target-out');
    console.log('live: one account is ready, the other target is out');

    // The cut: the change happens while the page reaches no region, and it comes back in the other one.
    const opened = await page.evaluate(() => window.noted.opened);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Strict', '/s']);
    front.cut(null);
    targets['soko-desk'].isDown = false;
    deployment.redrive('soko-desk');
    await until(async () => {
      const answer = await fetch(`${there.url}/s/state`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
      return (await answer.json()).accounts.every((account) => account.state === 'done');
    });
    assert.equal(await page.locator('#account-soko-desk.pending').count(), 1);
    await picture(page, 'cut');
    front.cut(there.port);
    await state(page, 'soko-desk', 'done');
    await page.getByText('Everything is ready.').waitFor();
    await picture(page, 'ready');
    const noted = await page.evaluate(() => window.noted);
    assert.ok(noted.opened > opened, 'the page has connected again');
    assert.equal(new Set(noted.rows).size, noted.rows.length, `a state came twice: ${noted.rows}`);
    assert.ok([...targets['soko-desk'].users.values()].length === 1, 'one account was made');
    console.log(`resumed in the other region: ${noted.rows.length} states, each once`);

    // Languages, each as its browser asks, with a new load by the cookie.
    for (const [locale, direction, title] of [
      ['fr-CM', 'ltr', 'Préparation de vos comptes'], ['pt-MZ', 'ltr', 'Preparação das suas contas'],
      ['ar-EG', 'rtl', 'جارٍ إعداد حساباتك'], ['sw-KE', 'ltr', 'Akaunti zako zinaandaliwa'],
    ]) {
      const other = await open({ locale });
      await other.goto(`${front.url}/s#${first}`);
      await state(other, 'soko-crm', 'done');
      assert.equal(await other.locator('h1').textContent(), title);
      assert.equal(await other.evaluate(() => getComputedStyle(document.querySelector('main')).direction), direction);
      assert.ok(await other.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing is cut off');
      await picture(other, locale);
      await other.getByRole('link', { name: 'English' }).click();
      await state(other, 'soko-crm', 'done');
      assert.equal(await other.evaluate(() => document.documentElement.lang), 'en');
      await other.context().close();
    }
    console.log('five languages, one of them from right to left');

    // Without events the page asks.
    const old = await open({}, () => { delete window.EventSource; });
    targets['soko-desk'].isDown = true;
    await old.goto(`${front.url}/s#${ticket('baraka')}`);
    await state(old, 'soko-desk', 'pending');
    targets['soko-desk'].isDown = false;
    deployment.redrive('soko-desk');
    await state(old, 'soko-desk', 'done');
    console.log('without EventSource the page asks for the state');

    // Inside a login at Auth0: its Action asks, Auth0 adds its state to the URL, and the page leads back with it.
    targets['soko-desk'].isDown = true;
    deployment.call('register', { email: 'chiku@example.com', external_id: 'auth0|7' });
    const { id, kid, api_key: key, private_key_pem: pem } = deployment.company;
    const secrets = {
      UMOJA_URL: here.url, UMOJA_COMPANY: id, UMOJA_API_KEY: key, UMOJA_KID: kid, UMOJA_PRIVATE_KEY: pem,
      UMOJA_TARGETS: Object.keys(targets).join(' '), UMOJA_RETURN_URL: 'auth0',
    };
    const sent = [];
    const redirect = { canRedirect: () => true, sendUserTo: (url) => sent.push(url) };
    await action.onExecutePostLogin({ user: { user_id: 'auth0|7' }, secrets }, { redirect });
    assert.equal(sent.length, 1, 'an account is pending');
    const state0 = 'hKFo2SBx/+=&% 7';
    const away = new URL(sent[0]);
    away.searchParams.set('state', state0);
    // Others may add what they add behind the fragment.
    for (const url of [away.href, `${sent[0]}?state=${encodeURIComponent(state0)}`]) {
      const login = await open({});
      await login.route('https://soko.example/**', (route) => route.fulfill({ body: 'signed in' }));
      await login.goto(url);
      await state(login, 'soko-crm', 'done');
      await state(login, 'soko-desk', 'pending');
      await login.reload();
      await state(login, 'soko-desk', 'pending');
      await login.getByRole('link', { name: 'Kiswahili' }).click();
      await login.getByText('Endelea kwenye Soko').waitFor();
      const back = new URL(await login.locator('#back').getAttribute('href'));
      assert.deepEqual([back.origin + back.pathname, back.searchParams.get('state')], ['https://soko.example/continue', state0]);
      if (url === away.href) {
        await login.locator('#back').click();
      } else {
        targets['soko-desk'].isDown = false;
        deployment.redrive('soko-desk');
      }
      await login.waitForURL('https://soko.example/**');
      assert.equal(new URL(login.url()).searchParams.get('state'), state0);
      await login.context().close();
    }
    console.log('a login elsewhere continues with its state: when the person says so, and when everything is ready');

    const forged = await open({});
    await forged.goto(`${front.url}/s#${first.slice(0, -4)}AAAA`);
    await forged.getByText('no longer valid').waitFor();
    await forged.goto(`${front.url}/s?lang=sw`);
    await forged.getByText('kiungo ulichopewa').waitFor();
    await picture(forged, 'no-ticket');
    assert.deepEqual(complaints, []);
    console.log(`a forged ticket shows nothing; the pictures are in ${PICTURES}`);
  } finally {
    await browser.close();
    front.end();
    await deployment.end();
    Object.values(targets).forEach((target) => target.end());
  }
}

// The servers of a run that failed would keep the process.
main().catch((error) => { console.error(error); process.exit(1); });
