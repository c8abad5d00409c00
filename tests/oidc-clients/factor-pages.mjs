// The pages of a new password, of second factors and of other providers, by the keyboard alone. Each language has a person of its own,
// because they change how it signs in.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { look, press, sendIt, tabTo, type } from './keyboard.mjs';

const PASSWORD = 'baobab-and-honey-77';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
// The form of a passkey, and the button of it.
const PASSKEY = 'form:has([name="options"]) button';

// The code of an application (RFC 6238) that has this key.
function totp(key) {
  const bits = [...key.replaceAll(' ', '')].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = crypto.createHmac('sha1', secret).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const mails = (umoja) => {
  const place = path.join(umoja.file('d'), 'mail');
  return fs.existsSync(place) ? fs.readdirSync(place).map((name) => path.join(place, name)) : [];
};

// The code of the mail that is new since these.
async function mailedCode(umoja, before) {
  for (;;) {
    const mail = mails(umoja).find((name) => name.endsWith('.eml') && !before.includes(name));
    if (mail) {
      const [head, ...body] = fs.readFileSync(mail, 'utf8').split(/\r?\n\r?\n/);
      const isBase64 = /^content-transfer-encoding: *base64/im.test(head);
      const said = isBase64 ? Buffer.from(body.join(''), 'base64').toString('utf8') : body.join('\n');
      return said.match(/\b\d{4} ?\d{4}\b/)[0];
    }
    await new Promise((done) => { setTimeout(done, 50); });
  }
}

async function setsANewPassword(page, language, { umoja, email }) {
  const before = mails(umoja);
  await page.goto(`${umoja.issuer}/reset?client=web`);
  await look(page, language, 'reset');
  await type(page, 'identifier', email);
  await sendIt(page);
  const code = await mailedCode(umoja, before);
  await look(page, language, 'reset-code');
  await type(page, 'code', '00000000');
  await type(page, 'new_password', PASSWORD);
  await sendIt(page);
  await look(page, language, 'reset-wrong');
  assert.equal(await page.getByRole('alert').count(), 1);
  await type(page, 'code', code);
  await type(page, 'new_password', PASSWORD);
  await sendIt(page);
  await look(page, language, 'reset-done');
}

async function signsIn(page, email) {
  await type(page, 'identifier', email);
  await type(page, 'password', PASSWORD);
  await sendIt(page);
}

async function addsFactors(page, language, { umoja, email, asked, device }) {
  await page.goto(asked({ client_id: 'strict' }));
  await signsIn(page, email);
  await look(page, language, 'factor-enrol');
  await press(page, 'main a');
  await look(page, language, 'factors');
  assert.ok(await page.locator('img[src^="data:image/svg+xml"]').evaluate((image) => image.complete && image.naturalWidth > 0));
  const key = await page.locator('.code').innerText();
  await type(page, 'code', '000000');
  await sendIt(page);
  await look(page, language, 'factors-wrong');
  assert.equal(await page.locator('.code').innerText(), key, 'the application has the key already');
  await type(page, 'code', totp(key));
  await sendIt(page);
  await look(page, language, 'factors-codes');
  const codes = (await page.locator('.code').allInnerTexts()).slice(0, 10);
  assert.equal(await page.getByRole('status').count(), 1);
  // The client that wanted the factor gets its person.
  await press(page, 'form[action="/factor"] button');
  await press(page, 'button[value="allow"]');
  assert.equal(new URL(page.url()).pathname, '/callback');
  // In another browser, who has a second factor shows it before the account is changed.
  await page.context().clearCookies();
  await page.goto(`${umoja.issuer}/account/factors?company=soko`);
  await signsIn(page, email);
  await look(page, language, 'account-factor');
  await type(page, 'code', codes[0]);
  await sendIt(page);
  const authenticator = await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  // The field of the form of a passkey stands before its button.
  await tabTo(page, 'form:has([name="options"]) [name="label"]');
  await page.keyboard.type(language === 'ar' ? 'هاتفي' : 'Zawadi 1');
  await press(page, PASSKEY);
  await page.waitForSelector('section.card');
  assert.equal(await page.getByRole('status').count(), 1);
  await look(page, language, 'factors-list');
  return { codes, authenticator };
}

async function showsAFactor(page, language, { email, asked, device, factors: { codes, authenticator } }) {
  // The page for signing in would take the passkey at once.
  const present = (enabled) => device.send('WebAuthn.setAutomaticPresenceSimulation', { ...authenticator, enabled });
  await present(false);
  await page.context().clearCookies();
  await page.goto(asked());
  await signsIn(page, email);
  await look(page, language, 'factor');
  await type(page, 'code', '000000');
  await sendIt(page);
  await look(page, language, 'factor-wrong');
  assert.equal(await page.getByRole('alert').count(), 1);
  await type(page, 'code', codes[1]);
  await sendIt(page);
  await press(page, 'button[value="allow"]');
  assert.equal(new URL(page.url()).pathname, '/callback');
  await page.context().clearCookies();
  await page.goto(asked());
  await signsIn(page, email);
  await present(true);
  await tabTo(page, PASSKEY);
  await Promise.all([page.waitForURL(/\/callback/), page.keyboard.press('Enter')]);
}

async function comesByAnotherProvider(page, language, { asked, neighbour }) {
  await page.context().clearCookies();
  neighbour.there.subject = null;
  await page.goto(asked({ client_id: 'fed' }));
  await look(page, language, 'provider');
  await tabTo(page, 'a[href^="/federation/start"]');
  await Promise.all([page.waitForURL(/\/federation\/callback/), page.keyboard.press('Enter')]);
  await page.waitForLoadState();
  await look(page, language, 'provider-not-there');
  neighbour.there.subject = `neighbour|${language}`;
  await tabTo(page, 'a[href^="/federation/start"]');
  await sendIt(page);
  await page.waitForSelector('[role="status"]');
  await look(page, language, 'provider-connect');
}

// A person without a second factor, at a company that takes a code by mail instead.
async function showsACodeByMail(page, language, { umoja, asked }) {
  const email = `subira.${language}@example.com`;
  umoja.register({ email, email_verified: true, password: PASSWORD, profile: { given_name: 'Subira', locale: language } });
  await page.context().clearCookies();
  await page.goto(asked({ client_id: 'posta' }));
  await signsIn(page, email);
  await look(page, language, 'factor-mail');
  const before = mails(umoja);
  await press(page, 'form:has([name="send"]) button');
  await look(page, language, 'factor-mail-code');
  await type(page, 'code', '00000000');
  await sendIt(page);
  await look(page, language, 'factor-mail-wrong');
  assert.equal(await page.getByRole('alert').count(), 1);
  await type(page, 'code', await mailedCode(umoja, before));
  await sendIt(page);
  await press(page, 'button[value="allow"]');
  assert.equal(new URL(page.url()).pathname, '/callback');
}

// Plays all of it with a person of its own.
export async function provesWhoItIs(page, language, { umoja, asked, neighbour }) {
  const email = `zawadi.${language}@example.com`;
  umoja.register({ email, email_verified: true, password: 'never-used-by-anyone-3', profile: { given_name: 'Zawadi', locale: language } });
  const device = await page.context().newCDPSession(page);
  await device.send('WebAuthn.enable');
  const on = { umoja, asked, neighbour, email, device };
  await setsANewPassword(page, language, on);
  const factors = await addsFactors(page, language, on);
  await showsAFactor(page, language, { ...on, factors });
  await device.send('WebAuthn.removeVirtualAuthenticator', factors.authenticator);
  await comesByAnotherProvider(page, language, on);
  await showsACodeByMail(page, language, on);
}
