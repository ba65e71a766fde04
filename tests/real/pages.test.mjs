// Every page of ours: what it looks like, in each language, and whether everybody can use it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { WebSocketServer } from 'ws';

import { openBrowser } from './harness/browser.mjs';
import { button, knock, openBan, openDoor } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { eventually } from './harness/process.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const pictures = file('../../target/screenshots/');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const now = Math.floor(Date.now() / 1000);

const LANGUAGES = { en: 'en-GB', de: 'de-AT', fr: 'fr-CH', es: 'es-MX', pt: 'pt-BR' };
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

/** The sentences of a language, as `group.key`. */
async function words(language) {
  const text = await readFile(file(`../../src/words/${language}.toml`), 'utf8');
  const said = {};
  let group = '';
  for (const line of text.split('\n')) {
    const section = line.match(/^\[(\w+)\]$/);
    const sentence = line.match(/^(\w+) = "(.*)"$/);
    if (section) [, group] = section;
    if (sentence) said[`${group}.${sentence[1]}`] = sentence[2];
  }
  return said;
}

const generic = { profile: 'generic', upstreamMore: '[upstream.generic]\nroom = "/call/{room}"' };

const rooms = [
  '[[room]]\nname = "open"',
  ...['knock', 'keys', 'plain', 'busy', 'denied', 'moved', 'empty', 'words', 'size'].map(
    (name) => `[[room]]\nname = "${name}"\nprivacy = "private"\nenable_knocking = true`),
  '[[room]]\nname = "vault"\nprivacy = "private"',
  `[[room]]\nname = "later"\nnbf = ${now + 3 * 86400}`,
  `[[room]]\nname = "over"\nexp = ${now - 60}`,
  '[[room]]\nname = "tiny"\nmax_participants = 1',
  '[[room]]\nname = "place"\nprivacy = "private"\nenable_knocking = true\nmax_participants = 1',
  '[[room]]\nname = "banned"\nprivacy = "public"',
  '[[room]]\nname = "ejected"\nprivacy = "public"',
  '[[room]]\nmatch = "admin*"\nrefuse = "These names are for the office."',
].join('\n');

/** A meeting that is one page with a socket. */
async function startMeeting() {
  const server = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end('<!doctype html><html lang="en"><title>Meeting</title><h1>You are in the meeting</h1><script>new WebSocket(`${location.pathname}/socket`)</script>');
  });
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

let meeting;
let gateway;
let browser;
let everybody = [];
const faults = [];

before(async () => {
  [meeting, browser] = await Promise.all([startMeeting(), openBrowser()]);
  gateway = await startGateway({ ...generic, upstream: meeting.origin, rooms });
  await mkdir(pictures, { recursive: true });
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
  assert.deepEqual(faults.splice(0), [], 'no page complains of itself');
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  meeting?.stop();
});

async function person(options) {
  const someone = await browser.person(options);
  everybody.push(someone);
  return someone;
}

async function open(path, { someone, at = gateway, ...options } = {}) {
  const page = await (someone ?? await person(options)).page();
  // A status of its own is no fault of a page.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(`${path}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`${path}: ${error.message}`));
  await page.goto(path.startsWith('http') ? path : `${at.origin}${path}`);
  return page;
}

const owner = async (room, options) => {
  const someone = await person(options);
  await (await someone.page()).goto(await gateway.link(room, '--owner', '--name', 'Grace'));
  return someone;
};

/** What axe finds wrong with the page as it is now. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => window.axe.run());
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`).join(' | ')}`);
}

/** Looks at a page by day and by night, on a phone and on a desk; keeps pictures of it, and finds nothing wrong. */
async function look(page, name) {
  const before = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      await page.evaluate(() => scrollTo(0, 0));
      await page.screenshot({ path: join(pictures, `${name}-${size}-${colorScheme}.png`) });
      assert.deepEqual(await violations(page), [], `${name}, ${size}, ${colorScheme}`);
    }
  }
  // WCAG 2.2, 1.4.10: nothing to scroll sideways on the smallest of screens.
  await page.setViewportSize({ width: 320, height: 568 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name} is ${wide} px too wide for a small screen`);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(before);
}

const heading = (page) => page.locator('h1:visible').first().innerText();

describe('pages of a visitor', () => {
  test('the knocking page, from the first look to the answer', async () => {
    const page = await open('/call/knock');
    assert.equal(await heading(page), 'Knock to come in');
    assert.equal(await page.title(), 'Knock to come in · knock');
    await look(page, 'knock');
    await page.getByRole('textbox', { name: 'Message (optional)' }).fill('It is about the appointment at ten.');
    await knock(page, 'Ben');
    await look(page, 'waiting-nobody');
    const grace = await owner('knock');
    const door = await openDoor(grace, gateway.origin, 'knock');
    await page.getByText('The people inside have been asked').waitFor({ timeout: 15_000 });
    await look(page, 'waiting-asked');
    await button(door, 'Allow', 'Ben').click();
    await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor();
  });

  test('denied, with the time until the next knock', async () => {
    const page = await open('/call/denied');
    await knock(page, 'Ben');
    const door = await openDoor(await owner('denied'), gateway.origin, 'denied');
    await button(door, 'Deny', 'Ben').click();
    await page.getByRole('heading', { name: 'Not this time' }).waitFor();
    assert.match(await page.title(), /^✗ /);
    await look(page, 'denied');
  });

  test('moved back to the waiting room', async () => {
    const ben = await person();
    const page = await open('/call/moved', { someone: ben });
    await knock(page, 'Ben');
    const door = await openDoor(await owner('moved'), gateway.origin, 'moved');
    await button(door, 'Allow', 'Ben').click();
    await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor();
    await button(door, 'Move to waiting room', 'Ben').click();
    const back = await open('/call/moved', { someone: ben });
    assert.equal(await heading(back), 'Back in the waiting room');
    await look(back, 'moved-back');
  });

  for (const [path, title, name] of [
    ['/call/vault', 'This room is private', 'private'],
    ['/call/nowhere', 'There is no such room', 'no-room'],
    ['/call/admin-1', 'This name is not available', 'reserved'],
    ['/call/over', 'This room is closed', 'closed'],
    ['/call/later', 'You are early', 'not-open'],
    ['/_roomgate/nothing', 'There is nothing here', 'unknown-path'],
    ['/_roomgate/door?room=open', 'For the people who run this room', 'owners-only'],
    ['/_roomgate/knock?room=a%2Fb%2Fc', 'We did not understand that', 'bad-request'],
  ]) {
    test(`refused: ${name}`, async () => {
      const page = await open(path);
      assert.equal(await heading(page), title);
      await look(page, `refused-${name}`);
    });
  }

  test('refused: a link that has expired', async () => {
    const page = await open(gateway.forge('vault', { room: 'vault', exp: now - 3600 }));
    await page.getByText('This link has expired.').waitFor();
    await look(page, 'refused-expired-link');
  });

  for (const [room, order, title] of [['banned', 'Ban', 'You cannot come in here'], ['ejected', 'Remove', 'Your visit has ended']]) {
    test(`refused: ${room}`, async () => {
      const ben = await person();
      await open(await gateway.link(room, '--name', 'Ben'), { someone: ben });
      const door = await openDoor(await owner(room), gateway.origin, room);
      await button(door, 'Remove', 'Ben').waitFor();
      if (order === 'Ban') await openBan(door, 'Ben');
      await button(door, order, 'Ben').click();
      await door.getByText(/^(Banned|Removed) from the room/).waitFor();
      const page = await open(`/call/${room}`, { someone: ben });
      assert.equal(await heading(page), title);
      await page.getByText(room === 'banned' ? 'at least until this meeting is over' : 'You are welcome at the next meeting').waitFor();
      await look(page, `refused-${room}`);
    });
  }

  test('a full room lets in by itself when a place is free', { timeout: 90_000 }, async () => {
    const first = await open('/call/tiny');
    await first.getByRole('heading', { name: 'You are in the meeting' }).waitFor();
    const page = await open('/call/tiny');
    assert.equal(await heading(page), 'This room is full');
    await look(page, 'refused-full');
    await first.close();
    await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor({ timeout: 60_000 });
  });

  test('a room that opens later counts down, in the title too, and lets in by itself', { timeout: 60_000 }, async () => {
    const soon = await startGateway({
      ...generic,
      upstream: meeting.origin, rooms: `[[room]]\nname = "soon"\nnbf = ${Math.floor(Date.now() / 1000) + 14}`,
    });
    try {
      const page = await open('/call/soon', { at: soon });
      assert.equal(await heading(page), 'You are early');
      await eventually('a title that counts', async () => /^00:00:\d\d · You are early/.test(await page.title()));
      await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor({ timeout: 30_000 });
    } finally {
      await soon.stop();
    }
  });
});

describe('pages of an owner', () => {
  test('a door where nobody is', async () => {
    const door = await openDoor(await owner('empty'), gateway.origin, 'empty');
    await door.getByText('Nobody is waiting.').waitFor();
    await look(door, 'door-empty');
  });

  test('a door with people before it, inside and kept out', async () => {
    const grace = await owner('busy');
    for (const name of ['Bo', 'Trudy']) await open(await gateway.link('busy', '--name', name));
    const door = await openDoor(grace, gateway.origin, 'busy');
    await button(door, 'Remove', 'Trudy').waitFor();
    await openBan(door, 'Trudy');
    await door.getByRole('checkbox', { name: 'For good' }).and(door.locator(':visible')).first().check();
    await button(door, 'Ban', 'Trudy').click();
    await door.getByText('Kept out').waitFor();
    for (const [name, message] of [['Ben', 'It is about the appointment at ten.'], ['Дмитро Коваленко', ''], ['Maria-Magdalena von Hohenstaufen-Lichtenberg', '']]) {
      const page = await open('/call/busy');
      if (message) await page.getByRole('textbox', { name: 'Message (optional)' }).fill(message);
      await knock(page, name);
    }
    await eventually('three who wait', async () => (await door.locator('[data-waiting] li').count()) === 3);
    assert.match(await door.title(), /^\(3\) At the door/);
    await look(door, 'door');
    await openBan(door, 'Bo');
    await look(door, 'door-ban');
    const german = await openDoorIn('de-DE', 'busy');
    await look(german, 'door-de');
    await door.getByRole('checkbox', { name: 'The same for whoever knocks' }).check();
    await door.getByRole('button', { name: 'Allow everyone' }).click();
    await door.getByText('From now on, whoever knocks is let in.').waitFor();
    await look(door, 'door-remembered');
  });

  async function openDoorIn(locale, room) {
    const page = await (await owner(room, { locale })).page();
    await page.goto(`${gateway.origin}/_roomgate/door?room=${room}`);
    return page;
  }
});

describe('languages', () => {
  for (const [language, locale] of Object.entries(LANGUAGES)) {
    test(`${language}, to a browser that asks for ${locale}`, async () => {
      const said = await words(language);
      const page = await open('/call/words', { locale });
      assert.equal(await page.locator('html').getAttribute('lang'), language);
      assert.equal(await heading(page), said['knock.title']);
      await look(page, `knock-${language}`);
      await page.getByRole('textbox', { name: said['knock.name'] }).fill('Ben');
      await page.getByRole('button', { name: said['knock.button'], exact: true }).click();
      await page.getByRole('heading', { name: said['knock.waiting_title'] }).waitFor();
      await look(page, `waiting-${language}`);

      const refused = await open('/call/vault', { locale });
      assert.equal(await heading(refused), said['refusal.private_title']);
      assert.equal(await refused.locator('html').getAttribute('lang'), language);
      const door = await (await owner('words', { locale })).page();
      await door.goto(`${gateway.origin}/_roomgate/door?room=words`);
      assert.equal(await heading(door), said['door.title']);
      await look(door, `door-words-${language}`);
      const window = await door.evaluate(() => fetch('/_roomgate/overlay?room=words').then((response) => response.json()));
      assert.deepEqual([window.lang, window.words.allow_all], [language, said['overlay.allow_all']]);
      // What a script is told, a person reads: a name that cannot be read.
      const told = await page.evaluate(() => fetch('/_roomgate/knock', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ room: 'words', name: '\u200b' }),
      }).then((response) => response.json()));
      assert.equal(told.message, said['knock.no_name']);
    });
  }

  test('headers name the language, and nobody is guessed at', async () => {
    const ask = (asked) => fetch(`${gateway.origin}/call/vault`, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'accept-language': asked } });
    for (const [asked, spoken] of [['pt-BR,pt;q=0.9', 'pt'], ['ja, fr;q=0.1', 'fr'], ['ja', 'en'], ['de;q=0', 'en'], [`${'x,'.repeat(2000)}de`, 'en']]) {
      const answer = await ask(asked);
      assert.equal(answer.headers.get('content-language'), spoken, asked);
      assert.match(answer.headers.get('vary'), /Accept-Language/);
    }
  });
});

describe('for everybody', () => {
  test('the knocking page with all that it needs stays under 30 KiB', async () => {
    const page = await (await person()).page();
    const sizes = [];
    page.on('response', (response) => sizes.push(response.body().then((body) => [response.url(), body.length], () => [response.url(), 0])));
    await page.goto(`${gateway.origin}/call/size`);
    await page.waitForLoadState('networkidle').catch(() => {});
    const all = (await Promise.race([Promise.all(sizes), new Promise((done) => { setTimeout(() => done(null), 3000); })]))
      ?? (await Promise.all(sizes.map((size) => Promise.race([size, new Promise((done) => { setTimeout(() => done(['a stream', 0]), 100); })]))));
    const total = all.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(total > 5000 && total < 30 * 1024, `${total} bytes: ${JSON.stringify(all)}`);
  });

  test('without scripts: knock, wait, be let in', { timeout: 60_000 }, async () => {
    const page = await open('/call/plain', { javaScriptEnabled: false });
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ben');
    await page.getByRole('button', { name: 'Knock', exact: true }).click();
    await page.getByRole('heading', { name: 'You have knocked' }).waitFor();
    const grace = await owner('plain', { javaScriptEnabled: false });
    const door = await openDoor(grace, gateway.origin, 'plain');
    await button(door, 'Allow', 'Ben').click();
    await door.getByText('Let in.', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor({ timeout: 30_000 });
  });

  test('by keyboard alone', async () => {
    const page = await open('/call/keys');
    const focused = (of) => of.evaluate(() => {
      const { activeElement: at } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return { name: at.getAttribute('aria-label') ?? at.innerText ?? '', id: at.id, outline: `${outlineStyle} ${outlineWidth}` };
    });
    assert.equal((await focused(page)).id, 'name');
    await page.keyboard.type('Ben');
    await page.keyboard.press('Tab');
    await page.keyboard.type('By keyboard');
    await page.keyboard.press('Tab');
    const knocks = await focused(page);
    assert.equal(knocks.name, 'Knock');
    assert.notEqual(knocks.outline.split(' ')[0], 'none', 'what has the focus can be seen');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You have knocked' }).waitFor();

    const door = await openDoor(await owner('keys'), gateway.origin, 'keys');
    await button(door, 'Allow', 'Ben').waitFor();
    let at = {};
    for (let n = 0; n < 30 && at.name !== 'Allow: Ben'; n += 1) {
      await door.keyboard.press('Tab');
      at = await focused(door);
      assert.notEqual(at.outline.split(' ')[0], 'none', `${at.name} shows that it has the focus`);
    }
    assert.equal(at.name, 'Allow: Ben');
    await door.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You are in the meeting' }).waitFor();
  });
});

describe('of an operator', () => {
  let clinic;

  before(async () => {
    const logo = (await readFile(file('../../config/logo.svg'), 'utf8')).replace('<svg ', '<svg onload="alert(1)" ').replace('<rect', '<script>alert(2)</script><rect');
    clinic = await startGateway({
      ...generic,
      upstream: meeting.origin,
      rooms,
      more: `[pages]
name = "Example Clinic"
logo = "logo.svg"
colours = { accent = "#1f5f99", ground = "#eef2f6" }
languages = ["de", "en", "ar"]
texts = ["de.toml", "ar.toml"]
`,
      files: {
        'logo.svg': logo,
        'de.toml': '[knock]\ntitle = "Willkommen in der Praxis"\n',
        'ar.toml': (await readFile(file('../../src/words/en.toml'), 'utf8')).replace('[page]', 'dir = "rtl"\n[page]').replace('Knock to come in', 'اطرق للدخول'),
      },
    });
  });
  after(() => clinic?.stop());

  test('name, logo and colours are on every page, and no script of theirs runs', async () => {
    const page = await open('/call/knock', { at: clinic, locale: 'en-US' });
    assert.equal(await page.locator('.brand').innerText(), 'Example Clinic');
    assert.equal(await page.title(), 'Knock to come in · knock · Example Clinic');
    assert.equal(await page.locator('.brand img').evaluate((image) => image.naturalWidth > 0), true);
    const colour = await page.getByRole('button', { name: 'Knock', exact: true }).evaluate((one) => getComputedStyle(one).backgroundColor);
    assert.equal(colour, 'rgb(31, 95, 153)');
    await look(page, 'brand-knock');
    await knock(page, 'Ben');
    assert.equal(await page.title(), 'You have knocked · knock · Example Clinic');
    await look(await open('/call/vault', { at: clinic, locale: 'en-US' }), 'brand-refused');

    const picture = await page.locator('.brand img').evaluate((image) => image.src);
    const served = await fetch(picture);
    assert.equal(served.headers.get('content-type'), 'image/svg+xml');
    assert.equal(served.headers.get('content-security-policy'), "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    const alone = await (await person()).page();
    alone.on('dialog', () => faults.push('the logo ran a script'));
    await alone.goto(picture);
  });

  test('own sentences, an own order of languages, and one from right to left', async () => {
    const german = await open('/call/knock', { at: clinic, locale: 'ja' });
    assert.equal(await heading(german), 'Willkommen in der Praxis');
    const arabic = await open('/call/knock', { at: clinic, locale: 'ar' });
    assert.equal(await arabic.locator('html').getAttribute('dir'), 'rtl');
    assert.equal(await heading(arabic), 'اطرق للدخول');
    await look(arabic, 'knock-rtl');
    assert.equal(await heading(await open('/call/vault', { at: clinic, locale: 'fr-FR' })), (await words('de'))['refusal.private_title']);
  });
});

test('when the meeting server is away', async () => {
  const gone = await startGateway({ ...generic, upstream: 'http://127.0.0.1:9', rooms });
  try {
    const page = await open('/call/open', { at: gone });
    assert.equal(await heading(page), 'One moment, please');
    await look(page, 'unavailable');
  } finally {
    await gone.stop();
  }
});
