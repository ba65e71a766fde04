// Can an owner answer the door without leaving the meeting? In a real Peer Calls page, which knows nothing of it and goes on as before.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { mkdir } from 'node:fs/promises';
import { join as path } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openBrowser, seesSomebody } from './harness/browser.mjs';
import { knock } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { join, startPeerCalls } from './harness/peercalls.mjs';
import { eventually } from './harness/process.mjs';

const names = ['click', 'keys', 'crowd', 'choice', 'guest', 'pale'];
const rooms = names.map((name) => `[[room]]\nname = "${name}"\nprivacy = "private"\nenable_knocking = true`).join('\n');
const pictures = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));

let upstream;
let gateway;
let bare;
let browser;
let everybody = [];

before(async () => {
  [upstream, browser] = await Promise.all([startPeerCalls(), openBrowser()]);
  gateway = await startGateway({ upstream: upstream.origin, rooms });
  bare = await startGateway({ upstream: upstream.origin, rooms, more: '[pages]\noverlay = false' });
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  await bare?.stop();
  await upstream?.stop();
});

async function person(options) {
  const someone = await browser.person(options);
  // The overlay's inside is closed to the page; a test has to look into it.
  await someone.context.addInitScript(() => {
    const attach = Element.prototype.attachShadow;
    window.roots = [];
    Element.prototype.attachShadow = function attachShadow(options) {
      window.roots.push(options.mode);
      return attach.call(this, { ...options, mode: 'open' });
    };
  });
  everybody.push(someone);
  return someone;
}

const region = (page) => page.getByRole('region', { name: 'At the door' });
const answer = (page, what, name) => region(page).getByRole('button', { name: `${what}: ${name}` });

/** Ann, an owner, in the call; `errors` is what went wrong in her page. */
async function owner(room, at = gateway, options = {}) {
  const ann = await person(options);
  const page = await ann.page();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(await at.link(room, '--owner', '--name', 'Ann'));
  await join(page, 'Ann');
  return { ann, page, errors };
}

async function stranger(room, name, at = gateway) {
  const page = await (await person()).page();
  await page.goto(`${at.origin}/call/${room}`);
  await knock(page, name);
  return page;
}

async function picture(page, name) {
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: path(pictures, `${name}.png`) });
}

const inside = (page, room) => page.waitForURL(`${gateway.origin}/call/${room}`);

test('an owner in the call sees who knocks and lets them in by a click, and both see each other', async () => {
  const { page, errors } = await owner('click');
  await region(page).getByRole('button', { name: 'Show who is at the door: 0' }).waitFor();
  await picture(page, 'overlay-quiet');
  const ben = await stranger('click', 'Ben <b>Bold</b>');
  await answer(page, 'Allow', 'Ben <b>Bold</b>').waitFor({ timeout: 3_000 });
  await region(page).getByRole('button', { name: 'Show who is at the door: 1' }).waitFor();
  assert.equal(await region(page).locator('li b').count(), 0, 'the name became markup');
  await picture(page, 'overlay-knock');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'overlay-dark');
  await answer(page, 'Allow', 'Ben <b>Bold</b>').click();
  await inside(ben, 'click');
  await join(ben, 'Ben');
  await Promise.all([seesSomebody(page, 'the owner'), seesSomebody(ben, 'the guest')]);
  await region(page).getByText('Nobody is waiting.').waitFor();
  assert.deepEqual(await page.evaluate(() => window.roots), ['closed']);
  assert.equal(await page.evaluate(() => document.querySelectorAll('script[data-room]').length), 0, 'the page is not as its server sent it');
  assert.deepEqual(errors, []);
});

test('by keyboard alone, and a denial is told', async () => {
  const { page } = await owner('keys');
  const cid = await stranger('keys', 'Cid');
  await answer(page, 'Deny', 'Cid').focus();
  await page.keyboard.press('Enter');
  await cid.getByRole('heading', { name: 'Not this time' }).waitFor();
  const dan = await stranger('keys', 'Dan');
  await answer(page, 'Allow', 'Dan').waitFor();
  // From the pill backwards into what is open above it.
  await region(page).getByRole('button', { name: /^Show who/ }).focus();
  for (let steps = 0; steps < 12; steps += 1) {
    const named = await page.evaluate(() => {
      const host = document.activeElement;
      return host?.shadowRoot?.activeElement?.getAttribute('aria-label') ?? '';
    });
    if (named === 'Allow: Dan') break;
    await page.keyboard.press('Shift+Tab');
  }
  await page.keyboard.press('Space');
  await inside(dan, 'keys');
  await page.keyboard.press('Escape');
  await region(page).getByRole('heading').waitFor({ state: 'hidden' });
});

test('two at once are let in by one button, and who comes later by the same word', async () => {
  const { page } = await owner('crowd');
  const two = [await stranger('crowd', 'Eve'), await stranger('crowd', 'Fay')];
  await region(page).getByText('Waiting to come in: 2').waitFor();
  await page.getByRole('checkbox', { name: 'Do the same with whoever knocks from now on' }).check();
  await picture(page, 'overlay-crowd');
  await page.getByRole('button', { name: 'Allow everyone' }).click();
  await Promise.all(two.map((one) => inside(one, 'crowd')));
  await region(page).getByText('Whoever knocks is let in.').waitFor();
  const late = await (await person()).page();
  await late.goto(`${gateway.origin}/call/crowd`);
  await inside(late, 'crowd');
  await region(page).getByRole('button', { name: 'Ask me again' }).click();
  await region(page).getByText('Whoever knocks is let in.').waitFor({ state: 'hidden' });
});

test('a page that draws itself anew keeps it, and one that takes it away for good may', async () => {
  const { page, errors } = await owner('choice');
  await region(page).waitFor();
  await page.evaluate(() => { document.body.innerHTML = '<main>anew</main>'; });
  await region(page).waitFor();
  await page.evaluate(() => { document.body.replaceWith(document.createElement('body')); });
  await region(page).waitFor();
  assert.equal(await page.evaluate(() => window.roots.length), 1);
  assert.deepEqual(errors, []);
});

test('a participant sees none of it, and is taken to the door when they have to wait again', async () => {
  const { ann, page } = await owner('guest');
  const gus = await stranger('guest', 'Gus');
  await answer(page, 'Allow', 'Gus').click();
  await inside(gus, 'guest');
  await join(gus, 'Gus');
  await gus.waitForTimeout(1_000);
  assert.equal(await region(gus).count(), 0);
  assert.deepEqual(await gus.evaluate(() => window.roots), []);
  const { data } = await (await ann.context.request.get(`${gateway.origin}/_roomgate/v1/rooms/guest/presence`)).json();
  const { id } = data.find(({ owner: runs }) => !runs);
  const moved = await ann.context.request.post(`${gateway.origin}/_roomgate/v1/rooms/guest/move-back`, {
    data: { ids: [id] }, headers: { origin: gateway.origin },
  });
  assert.equal(moved.status(), 200);
  await eventually('the guest to be at the door', () => gus.url().includes('/_roomgate/knock'), { within: 12_000 });
  await answer(page, 'Allow', 'Gus').waitFor();
});

test('an operator can do without', async () => {
  const { page } = await owner('pale', bare);
  await stranger('pale', 'Hal', bare);
  await page.waitForTimeout(1_500);
  assert.equal(await region(page).count(), 0);
  assert.ok(!(await page.content()).includes('overlay'));
});
