// A person at a page who uses the keyboard alone, and what each page is held to: axe (WCAG 2.2 AA), the width of a small screen, and the
// direction of its language. The pictures are kept.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const { NODE_PATH, PICTURES } = process.env;
const require = createRequire(`${NODE_PATH}/`);
export const { chromium } = require('playwright-core');
const axe = fs.readFileSync(path.join(NODE_PATH, 'axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const WIDTH = 320;

fs.mkdirSync(PICTURES, { recursive: true });
// What a browser says of programs and styles that a page may not have, and of errors.
export const complaints = [];
export const seen = { pages: 0 };

export async function open(browser, language) {
  const context = await browser.newContext({ locale: language, viewport: { width: WIDTH, height: 640 }, reducedMotion: 'reduce' });
  context.setDefaultTimeout(0);
  const page = await context.newPage();
  page.on('console', (message) => { if (/policy/i.test(message.text())) { complaints.push(message.text()); } });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
}

// Holds a page against the rules, and takes its picture.
export async function look(page, language, name) {
  const root = await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
  assert.deepEqual(root, [language, language === 'ar' ? 'rtl' : 'ltr'], name);
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(found, [], `${language} ${name}`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= WIDTH, `${language} ${name} is ${width} pixels wide`);
  await page.screenshot({ path: path.join(PICTURES, `${name}.${language}.png`), fullPage: true });
  seen.pages += 1;
}

// Goes on with the Tab key until what this selects has the focus, which is to be seen.
export async function tabTo(page, selector) {
  for (let step = 0; step < 80; step += 1) {
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

export async function type(page, name, text) {
  await tabTo(page, `[name="${name}"]`);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

// Sends what has the focus, and waits for the page that follows.
export async function sendIt(page) {
  await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')]);
  await page.waitForLoadState();
}

export async function press(page, selector) {
  await tabTo(page, selector);
  await sendIt(page);
}
