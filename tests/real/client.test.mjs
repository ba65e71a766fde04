// Can a page of one's own knock, wait and decide by client.js, as the reference client's methods and events do?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { openBrowser } from './harness/browser.mjs';
import { button, knock, openBan, openDoor, screenshot } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { join, startPeerCalls } from './harness/peercalls.mjs';
import { eventually } from './harness/process.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const now = Math.floor(Date.now() / 1000);
const knocking = ['allow', 'deny', 'rename', 'cancel', 'race', 'many', 'choice', 'inside', 'offline', 'restart', 'polling', 'away', 'example', 'events', 'pages', 'standup', 'own'];
const rooms = [
  '[[room]]\nname = "open"',
  '[[room]]\nname = "vault"\nprivacy = "private"',
  `[[room]]\nname = "later"\nnbf = ${now + 3600}`,
  `[[room]]\nname = "soon"\nnbf = ${now + 15}`,
  `[[room]]\nname = "over"\nexp = ${now - 60}`,
  '[[room]]\nname = "tiny"\nprivacy = "private"\nenable_knocking = true\nmax_participants = 2',
  ...knocking.map((name) => `[[room]]\nname = "${name}"\nprivacy = "private"\nenable_knocking = true`),
].join('\n');

let upstream;
let gateway;
let browser;
let site;
let stranger;
let everybody = [];

/** A site of somebody else, with the example page on it and an empty one. */
async function startSite() {
  const server = http.createServer(async (request, response) => {
    const name = new URL(request.url, 'http://here').pathname.slice(1);
    response.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8');
    if (name === 'empty') return response.end('<!doctype html><title>A page of my own</title>');
    const text = await readFile(file(`../../docs/custom-page/${name || 'index.html'}`), 'utf8').catch(() => null);
    if (text === null) response.statusCode = 404;
    return response.end((text ?? '').replaceAll('https://meet.example.org', gateway.origin).replaceAll('"consultation"', '"example"'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

before(async () => {
  [upstream, browser, site, stranger] = await Promise.all([startPeerCalls(), openBrowser(), startSite(), startSite()]);
  gateway = await startGateway({ upstream: upstream.origin, rooms, serverMore: `allowed_origins = ["${site.origin}"]` });
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  await upstream?.stop();
  for (const one of [site, stranger]) one?.stop();
});

async function person() {
  const someone = await browser.person();
  everybody.push(someone);
  return someone;
}

/** A page of another site with a call object on it; `window.events` is all that was heard, in order. */
async function page(properties, { at = site, someone, prepare } = {}) {
  const there = await (someone ?? await person()).page();
  if (prepare) await there.addInitScript(prepare);
  await there.goto(`${at.origin}/empty`);
  await there.evaluate(async ([origin, given]) => {
    window.client = await import(`${origin}/_roomgate/client.js`);
    window.call = window.client.createCallObject(given);
    window.events = [];
    for (const name of ['access-state-updated', 'waiting-participant-added', 'waiting-participant-updated', 'waiting-participant-removed',
      'presence-updated', 'remembered-choice-updated', 'connection-updated', 'error']) {
      window.call.on(name, (event) => window.events.push(JSON.parse(JSON.stringify(event))));
    }
    // What became of a promise: pending, or what it holds.
    window.keep = (name, promise) => {
      window[name] = 'pending';
      promise.then(
        (value) => { window[name] = { value }; window.events.push({ action: `${name} settled` }); },
        ({ message, type, code, by, retryAfter }) => { window[name] = { message, type, code, by, retryAfter }; },
      );
    };
  }, [gateway.origin, properties]);
  return there;
}

/** Runs a method of the page's call object: its value, or what it was rejected with. */
const does = (there, method, ...given) => there.evaluate(async ([name, args]) => {
  try {
    return { value: await window.call[name](...args) };
  } catch ({ message, type, code, by, retryAfter, conflicts }) {
    return { message, type, code, by, retryAfter, conflicts };
  }
}, [method, given]);
const value = async (there, method, ...given) => {
  const done = await does(there, method, ...given);
  assert.ok('value' in done, `${method}: ${JSON.stringify(done)}`);
  return done.value;
};
const events = (there, name) => there.evaluate((wanted) => window.events.filter(({ action }) => !wanted || action === wanted), name);
const event = (there, name, matches = () => true, within = 5_000) => eventually(
  `${name}`, async () => (await events(there, name)).find(matches), { within },
);
const settled = (there, name, within = 5_000) => eventually(`the promise ${name}`, () => there.evaluate((of) => window[of] !== 'pending' && window[of], name), { within });
const asks = (there, request, name = 'asked') => there.evaluate(([given, of]) => window.keep(of, window.call.requestAccess(given)), [request, name]);

async function ownerOf(room, name = 'Ann', options = {}) {
  const link = await gateway.link(room, '--owner', '--name', name);
  const there = await page({ url: link }, options);
  assert.deepEqual(await value(there, 'preAuth'), { access: { level: 'full' } });
  return there;
}

async function guestAt(room, options = {}) {
  const there = await page({ url: `${gateway.origin}/call/${room}` }, options);
  assert.deepEqual(await value(there, 'preAuth'), { access: { level: 'lobby' } });
  return there;
}

async function waitsAt(room, name, options) {
  const there = await guestAt(room, options);
  await asks(there, { name });
  await event(there, 'access-state-updated', ({ awaitingAccess }) => awaitingAccess);
  return there;
}

const knockOf = (owner, name) => eventually(`${name} among those who wait`, async () => (
  Object.values(await value(owner, 'waitingParticipants')).find((one) => one.name === name)
));

test('a room that opens soon lets in by itself', async () => {
  const there = await page({ room: 'soon' });
  const early = await does(there, 'preAuth');
  assert.deepEqual([early.type, early.code], ['nbf-room', 'room-not-open']);
  assert.match((await value(there, 'accessDetails')).opens, /^\d{4}-/);
  await eventually('the room open', async () => (await value(there, 'accessState')).access.level === 'full', { within: 60_000 });
});

test('the module exports what the reference client does, and its object begins at unknown', async () => {
  const there = await page({ room: 'open' });
  const seen = await there.evaluate(() => ({
    constants: ['ACCESS_LEVEL_FULL', 'ACCESS_LEVEL_LOBBY', 'ACCESS_LEVEL_NONE', 'ACCESS_UNKNOWN'].map((name) => [
      window.client[name], window.client[`DAILY_${name}`], window.client.default[name],
    ]),
    factory: window.client.default.createCallObject === window.client.createCallObject,
    state: window.call.accessState(),
    id: typeof window.call.callClientId,
    chained: window.call.on('error', () => {}) === window.call && window.call.off('error', () => {}) === window.call,
  }));
  assert.deepEqual(seen.constants, [['full', 'full', 'full'], ['lobby', 'lobby', 'lobby'], ['none', 'none', 'none'], ['unknown', 'unknown', 'unknown']]);
  assert.deepEqual({ ...seen, constants: 0 }, { constants: 0, factory: true, state: { access: 'unknown' }, id: 'string', chained: true });
  assert.equal((await does(there, 'requestAccess', { name: 'Ben' })).type, 'not-allowed');
});

test('preAuth tells the level, and an error by the reference client\'s types', async (t) => {
  const hour = now + 3600;
  for (const [name, properties, level, type, code] of [
    ['a public room', { room: 'open' }, 'full'],
    ['a private one with knocking', { url: `${gateway.origin}/call/allow` }, 'lobby'],
    ['a private one', { room: 'vault' }, 'none'],
    ['a token', { url: await gateway.link('vault') }, 'full'],
    ['a room before its time', { room: 'later' }, null, 'nbf-room', 'room-not-open'],
    ['a room after its time', { room: 'over' }, null, 'exp-room', 'room-expired'],
    ['no room', { room: 'nowhere' }, null, 'no-room', 'no-room'],
    ['an expired token', { url: gateway.forge('vault', { r: 'vault', exp: now - 60 }) }, null, 'exp-token', 'private'],
    ['a token before its time', { url: gateway.forge('vault', { r: 'vault', nbf: hour, exp: hour + 60 }) }, null, 'nbf-token', 'private'],
    ['an expired token where one may knock', { url: gateway.forge('allow', { r: 'allow', exp: now - 60 }) }, 'lobby'],
    ['neither url nor room', {}, null, 'not-allowed', 'bad-request'],
  ]) {
    await t.test(name, async () => {
      const there = await page(properties);
      const done = await does(there, 'preAuth');
      if (level) {
        assert.deepEqual(done, { value: { access: { level } } });
        assert.deepEqual(await events(there, 'error'), []);
        if (name.startsWith('an expired')) assert.equal((await value(there, 'accessDetails')).tokenCode, 'token-expired');
      } else {
        assert.deepEqual([done.type, done.code], [type, code]);
        if (code !== 'bad-request') {
          const said = await event(there, 'error');
          assert.deepEqual([said.error.type, said.error.msg, said.errorMsg], [type, done.message, done.message]);
          assert.equal(said.callClientId, await there.evaluate(() => window.call.callClientId));
          assert.deepEqual(await value(there, 'accessState'), { access: { level: 'none' } });
        }
      }
    });
  }
});

test('a page of a site that is not listed gets neither the client nor an answer', async () => {
  await assert.rejects(page({ room: 'open' }, { at: stranger }));
  const there = await (await person()).page();
  await there.goto(`${stranger.origin}/empty`);
  assert.equal(await there.evaluate((origin) => fetch(`${origin}/_roomgate/access?room=open`, { credentials: 'include' }).then(() => 'read', () => 'refused'), gateway.origin), 'refused');
});

test('knock and allow: pending until decided, then full; owners hear of it, and who decided', async () => {
  const [ann, bo] = [await ownerOf('allow'), await ownerOf('allow', 'Bo')];
  const ben = await guestAt('allow');
  assert.deepEqual(await value(ben, 'accessState'), { access: { level: 'lobby' } });
  await asks(ben, { name: 'Ben', message: 'I am from the 10 o’clock group', access: { level: 'full' } });
  const knock = await knockOf(ann, 'Ben');
  assert.deepEqual(await value(ben, 'accessState'), { access: { level: 'lobby' }, awaitingAccess: { level: 'full' } });
  const { name, message, opener, code } = await value(ben, 'accessDetails');
  assert.deepEqual({ name, message, opener, code }, { name: 'Ben', message: 'I am from the 10 o’clock group', opener: true, code: 'waiting' });
  assert.equal(await ben.evaluate(() => window.asked), 'pending');
  assert.deepEqual(knock.awaitingAccess, { level: 'full' });
  assert.equal((await event(bo, 'waiting-participant-added')).participant.id, knock.id);

  assert.deepEqual(await value(ann, 'updateWaitingParticipant', knock.id, { grantRequestedAccess: true }), { id: knock.id });
  assert.deepEqual(await settled(ben, 'asked'), { value: { access: { level: 'full' }, granted: true } });
  const told = await event(ben, 'access-state-updated', ({ access }) => access.level === 'full');
  assert.equal(told.details.page, '/call/allow');
  for (const owner of [ann, bo]) {
    const { participant, outcome, by } = await event(owner, 'waiting-participant-removed');
    assert.deepEqual([participant.name, outcome, by], ['Ben', 'allowed', 'Ann']);
    assert.deepEqual(await value(owner, 'waitingParticipants'), {});
  }
  assert.deepEqual(await events(ben, 'error'), []);
  // Whoever is in has nothing to ask for.
  assert.deepEqual(await value(ben, 'requestAccess', { name: 'Ben' }), { access: { level: 'full' }, granted: true });
});

test('knock and deny: lobby, not granted, and then the error; too soon is told with the time', async () => {
  const ann = await ownerOf('deny');
  const ben = await waitsAt('deny', 'Ben');
  const { id } = await knockOf(ann, 'Ben');
  await value(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: false });
  assert.deepEqual(await settled(ben, 'asked'), { value: { access: { level: 'lobby' }, granted: false } });
  const error = await event(ben, 'error');
  assert.deepEqual([error.errorMsg, error.error.type, error.error.msg], ['Join request rejected', 'not-allowed', 'Join request rejected']);
  const order = (await events(ben)).map(({ action }) => action);
  assert.ok(order.indexOf('asked settled') < order.indexOf('error'), order.join());
  assert.equal((await events(ben, 'error')).length, 1);
  assert.deepEqual(await value(ben, 'accessState'), { access: { level: 'lobby' } });

  const soon = await does(ben, 'requestAccess', { name: 'Ben' });
  assert.equal(soon.code, 'denied');
  assert.ok(soon.retryAfter > 20 && soon.retryAfter <= 31, String(soon.retryAfter));
  assert.deepEqual(await events(ann, 'waiting-participant-removed').then(([{ outcome, by }]) => [outcome, by]), ['denied', 'Ann']);
});

test('another name updates the knock, and an answer to the old one is a conflict', async () => {
  const ann = await ownerOf('rename');
  const ben = await waitsAt('rename', 'Ben');
  const before = await knockOf(ann, 'Ben');
  await asks(ben, { name: 'Benjamin' }, 'again');
  const { participant } = await event(ann, 'waiting-participant-updated');
  assert.deepEqual([participant.id, participant.name], [before.id, 'Benjamin']);
  const late = await does(ann, 'updateWaitingParticipant', before.id, { grantRequestedAccess: true, version: before.version });
  assert.equal(late.code, 'renamed');
  assert.equal(await ben.evaluate(() => window.asked), 'pending');
  assert.deepEqual(await value(ann, 'updateWaitingParticipant', before.id, {}), { id: before.id });
  await value(ann, 'updateWaitingParticipant', before.id, { grantRequestedAccess: true });
  for (const name of ['asked', 'again']) assert.equal((await settled(ben, name)).value.granted, true);
  // Until she has heard of it, the same answer again is no news; then there is nobody of that id.
  await event(ann, 'waiting-participant-removed');
  assert.equal((await does(ann, 'updateWaitingParticipant', before.id, { grantRequestedAccess: true })).code, 'gone');
});

test('whoever takes a request back is gone from the list, without an error', async () => {
  const ann = await ownerOf('cancel');
  const ben = await waitsAt('cancel', 'Ben');
  await knockOf(ann, 'Ben');
  assert.deepEqual(await value(ben, 'cancelRequest'), { access: { level: 'lobby' } });
  assert.deepEqual(await settled(ben, 'asked'), { value: { access: { level: 'lobby' }, granted: false } });
  assert.equal((await event(ann, 'waiting-participant-removed')).outcome, 'left');
  assert.deepEqual(await value(ben, 'accessState'), { access: { level: 'lobby' } });
  assert.deepEqual(await events(ben, 'error'), []);
  await asks(ben, { name: 'Ben' }, 'again');
  await knockOf(ann, 'Ben');
});

test('two owners answer at once: one decides, the other learns who was first', async () => {
  const [ann, bo] = [await ownerOf('race'), await ownerOf('race', 'Bo')];
  const ben = await waitsAt('race', 'Ben');
  const { id } = await knockOf(ann, 'Ben');
  await knockOf(bo, 'Ben');
  const both = await Promise.all([
    does(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: true, version: 1 }),
    does(bo, 'updateWaitingParticipant', id, { grantRequestedAccess: false, version: 1 }),
  ]);
  const first = both.findIndex((one) => 'value' in one);
  const second = both[1 - first];
  assert.deepEqual([second.code, second.by], first === 0 ? ['first-allowed', 'Ann'] : ['first-denied', 'Bo'], JSON.stringify(both));
  assert.equal((await settled(ben, 'asked')).value.granted, first === 0);
});

test('many at once: by id, and everyone who was shown', async () => {
  const ann = await ownerOf('many');
  const guests = [];
  for (const name of ['Ben', 'Cid', 'Dan', 'Eve']) guests.push(await waitsAt('many', name));
  const [ben, cid, dan, eve] = await Promise.all(['Ben', 'Cid', 'Dan', 'Eve'].map((name) => knockOf(ann, name)));
  const done = await value(ann, 'updateWaitingParticipants', { [ben.id]: { grantRequestedAccess: true }, [cid.id]: { grantRequestedAccess: false } });
  assert.deepEqual(done.ids.sort(), [ben.id, cid.id].sort());
  await eventually('two left', async () => Object.keys(await value(ann, 'waitingParticipants')).length === 2);
  const rest = await value(ann, 'updateWaitingParticipants', { '*': { grantRequestedAccess: true } });
  assert.deepEqual(rest.ids.sort(), [dan.id, eve.id].sort());
  assert.deepEqual(await Promise.all(guests.map((one) => settled(one, 'asked').then(({ value: { granted } }) => granted))), [true, false, true, true]);
  const late = await does(ann, 'updateWaitingParticipants', { [ben.id]: { grantRequestedAccess: false, version: 1 } });
  assert.equal(late.code, 'first-allowed');
  assert.equal(late.conflicts.length, 1);
});

test('a remembered choice: those who come later are let in, every owner knows who decided, and it can be changed', async () => {
  const [ann, bo] = [await ownerOf('choice'), await ownerOf('choice', 'Bo')];
  assert.equal(await value(ann, 'rememberedChoice'), null);
  const ben = await waitsAt('choice', 'Ben');
  const idle = await guestAt('choice');
  await knockOf(ann, 'Ben');
  await value(ann, 'updateWaitingParticipants', { '*': { grantRequestedAccess: true, remember: true } });
  assert.equal((await settled(ben, 'asked')).value.granted, true);
  const { choice } = await event(bo, 'remembered-choice-updated');
  assert.deepEqual([choice.answer, choice.by], ['allow', 'Ann']);
  assert.equal((await value(bo, 'rememberedChoice')).answer, 'allow');
  // Who stood there already hears of it; who comes later is in at once.
  await event(idle, 'access-state-updated', ({ access }) => access.level === 'full', 12_000);
  const late = await page({ url: `${gateway.origin}/call/choice` });
  assert.deepEqual(await value(late, 'preAuth'), { access: { level: 'full' } });

  await value(bo, 'rememberChoice', 'deny');
  await event(ann, 'remembered-choice-updated', (one) => one.choice?.answer === 'deny');
  const refused = await page({ url: `${gateway.origin}/call/choice` });
  assert.deepEqual(await value(refused, 'preAuth'), { access: { level: 'lobby' } });
  await value(bo, 'rememberChoice', null);
  await event(ann, 'remembered-choice-updated', (one) => one.choice === null);
  assert.deepEqual(await value(await page({ url: `${gateway.origin}/call/choice` }), 'preAuth'), { access: { level: 'lobby' } });
});

test('who is inside: moved back, removed, banned, and let back in', async () => {
  const ann = await ownerOf('inside');
  const someone = await person();
  const ben = await waitsAt('inside', 'Ben', { someone });
  await value(ann, 'updateWaitingParticipant', (await knockOf(ann, 'Ben')).id, { grantRequestedAccess: true });
  await settled(ben, 'asked');
  const meeting = await someone.page();
  const enters = async () => {
    await meeting.goto(`${gateway.origin}/call/inside`);
    await join(meeting, 'Ben');
    return eventually('Ben inside', async () => Object.values(await value(ann, 'participants')).find((one) => one.name === 'Ben'));
  };
  const inside = await enters();
  assert.deepEqual([inside.owner, inside.you], [false, false]);
  assert.ok((await event(ann, 'presence-updated', ({ participants }) => inside.id in participants)).banned);

  assert.deepEqual(await value(ann, 'moveToWaitingRoom', inside.id), { id: inside.id });
  const back = await event(ben, 'access-state-updated', ({ access, details }) => access.level === 'lobby' && details.movedBack);
  assert.deepEqual(back.awaitingAccess, { level: 'full' });
  const knock = await knockOf(ann, 'Ben');
  assert.equal(knock.movedBack, true);
  await value(ann, 'updateWaitingParticipant', knock.id, { grantRequestedAccess: true });
  await eventually('Ben let in again', async () => (await value(ben, 'accessState')).access.level === 'full');

  const again = await enters();
  assert.deepEqual(await value(ann, 'removeParticipant', again.id, { ban: true, lasting: true }), { id: again.id });
  const gone = await event(ben, 'error');
  assert.equal(gone.error.type, 'not-allowed');
  assert.equal(gone.error.details.code, 'banned');
  assert.deepEqual(await value(ben, 'accessState'), { access: { level: 'none' } });
  const ban = await eventually('the ban', async () => Object.values(await value(ann, 'bannedParticipants'))[0]);
  assert.deepEqual([ban.name, ban.banned, ban.lasting, ban.by], ['Ben', true, true, 'Ann']);
  assert.equal((await does(ann, 'removeParticipant', again.id)).code, 'gone');
  assert.deepEqual(await value(ann, 'liftBan', ban.id), { id: ban.id });
  await eventually('no ban', async () => Object.keys(await value(ann, 'bannedParticipants')).length === 0);
  assert.deepEqual(await value(ben, 'preAuth'), { access: { level: 'lobby' } });
  // Guests have no say.
  assert.equal((await does(ben, 'removeParticipant', again.id)).type, 'not-allowed');
});

test('offline and back: the page says so, stays in line, and hears what happened meanwhile', async () => {
  const ann = await ownerOf('offline');
  const someone = await person();
  const ben = await waitsAt('offline', 'Ben', { someone });
  const { id } = await knockOf(ann, 'Ben');
  await someone.context.setOffline(true);
  await event(ben, 'connection-updated', ({ state }) => state === 'interrupted');
  await value(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: true });
  await someone.context.setOffline(false);
  assert.equal((await settled(ben, 'asked', 15_000)).value.granted, true);
  await event(ben, 'connection-updated', ({ state }) => state === 'ok');
});

test('a restart of the gateway loses nobody, on either side', async () => {
  const ann = await ownerOf('restart');
  const ben = await waitsAt('restart', 'Ben');
  const { id } = await knockOf(ann, 'Ben');
  await gateway.restart();
  await event(ann, 'connection-updated', ({ state }) => state === 'ok', 20_000);
  assert.deepEqual(Object.keys(await value(ann, 'waitingParticipants')), [id]);
  assert.deepEqual(await events(ann, 'waiting-participant-removed'), []);
  await value(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: true });
  assert.equal((await settled(ben, 'asked', 20_000)).value.granted, true);
});

test('without event streams both sides ask now and then', async () => {
  const prepare = () => { delete window.EventSource; };
  const ann = await ownerOf('polling', 'Ann', { prepare });
  const ben = await waitsAt('polling', 'Ben', { prepare });
  const { id } = await eventually('Ben at the door', async () => Object.values(await value(ann, 'waitingParticipants'))[0]);
  await value(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: true });
  assert.equal((await settled(ben, 'asked', 15_000)).value.granted, true);
  await event(ann, 'waiting-participant-removed', () => true, 15_000);
});

test('where streams are refused or swallowed, the client asks instead', async () => {
  const someone = await person();
  await someone.context.route('**/_roomgate/events?*', (route) => route.fulfill({ status: 503, body: 'no streams here' }));
  const ann = await ownerOf('away');
  const ben = await waitsAt('away', 'Ben', { someone });
  const { id } = await knockOf(ann, 'Ben');
  await value(ann, 'updateWaitingParticipant', id, { grantRequestedAccess: true });
  assert.equal((await settled(ben, 'asked', 20_000)).value.granted, true);
});

test('a full room: let in but no place, then in as soon as somebody leaves', async () => {
  const [host, someone] = [await person(), await person()];
  const ann = await ownerOf('tiny', 'Ann', { someone: host });
  const hosting = await host.page();
  await hosting.goto(`${gateway.origin}/call/tiny`);
  await join(hosting, 'Ann');
  const meeting = await someone.page();
  await meeting.goto(await gateway.link('tiny', '--name', 'First'));
  await join(meeting, 'First');
  await eventually('two inside', async () => Object.keys(await value(ann, 'participants')).length === 2);
  const ben = await waitsAt('tiny', 'Ben');
  await value(ann, 'updateWaitingParticipant', (await knockOf(ann, 'Ben')).id, { grantRequestedAccess: true });
  const full = await event(ben, 'error');
  assert.equal(full.error.type, 'meeting-full');
  assert.equal(await ben.evaluate(() => window.asked), 'pending');
  await someone.context.close();
  everybody = everybody.filter((one) => one !== someone);
  assert.equal((await settled(ben, 'asked', 90_000)).value.granted, true);
});

test('what people call themselves is text, in the client\'s answers and on the page of the example', async () => {
  const name = '<img src=x onerror=alert(1)>';
  const owner = await (await person()).page();
  const dialogs = [];
  owner.on('dialog', (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
  const token = new URL(await gateway.link('example', '--owner', '--name', 'Dr. Grey')).searchParams.get('t');
  await owner.goto(`${site.origin}/#${token}`);
  await owner.getByRole('heading', { name: 'In the waiting room' }).waitFor();

  const patient = await (await person()).page();
  await patient.goto(`${site.origin}/`);
  await patient.getByText('Please tell us that you are here.').waitFor();
  await patient.getByLabel('Your name').fill(name);
  await patient.getByLabel('What is it about?').fill('My <b>knee</b>');
  await patient.getByRole('button', { name: 'I am here' }).click();
  await patient.getByText('the doctor knows that you are here.').waitFor();
  await owner.getByText(`${name}: My <b>knee</b>`).waitFor();
  assert.equal(await owner.locator('img, b').count(), 0);
  await owner.getByRole('button', { name: 'Let in' }).click();
  await patient.waitForURL(`${gateway.origin}/call/example`);
  assert.deepEqual(dialogs, []);
  await join(patient, 'Knee');
  await owner.getByRole('button', { name: 'Back to the waiting room' }).waitFor();

  // The other answer, and everyone from now on.
  const second = await (await person()).page();
  await second.goto(`${site.origin}/`);
  await second.getByLabel('Your name').fill('Bo');
  await second.getByRole('button', { name: 'I am here' }).click();
  await owner.getByRole('button', { name: 'Not now' }).click();
  await second.getByText('The doctor cannot see you now.').waitFor();
  await owner.getByLabel('and whoever comes later').check();
  await owner.getByRole('button', { name: 'Let all of them in' }).click();
  await owner.getByText('Whoever comes is let in.').waitFor();
  const third = await (await person()).page();
  await third.goto(`${site.origin}/`);
  await third.waitForURL(`${gateway.origin}/call/example`);
});

test('once, off and destroy', async () => {
  const ann = await ownerOf('events');
  const heard = await ann.evaluate(() => {
    window.heard = { once: 0, off: 0, always: 0 };
    const off = () => { window.heard.off += 1; };
    window.call.once('waiting-participant-added', () => { window.heard.once += 1; });
    window.call.on('waiting-participant-added', () => { throw new Error('one listener’s fault'); });
    window.call.on('waiting-participant-added', off).off('waiting-participant-added', off);
    window.call.on('waiting-participant-added', () => { window.heard.always += 1; });
    return window.heard;
  });
  assert.deepEqual(heard, { once: 0, off: 0, always: 0 });
  for (const name of ['Ben', 'Cid']) await waitsAt('events', name);
  await eventually('two knocks', () => ann.evaluate(() => window.heard.always === 2));
  assert.deepEqual(await ann.evaluate(() => window.heard), { once: 1, off: 0, always: 2 });
  const last = await waitsAt('events', 'Dan');
  await value(last, 'destroy');
  assert.equal((await settled(last, 'asked')).code, 'destroyed');
  assert.deepEqual(await value(last, 'accessState'), { access: 'unknown' });
  // To go away is not to take the knock back.
  await knockOf(ann, 'Dan');
});

test('what the documentation shows works as it stands there', async () => {
  const text = await readFile(file('../../docs/client.md'), 'utf8');
  const [guest, owner] = [...text.matchAll(/^```js\n([^]*?)^```/gm)].map(([, code]) => code.replaceAll('https://meet.example.org/standup', `${gateway.origin}/call/standup`)
    .replaceAll('https://meet.example.org', gateway.origin));
  const door = await ownerOf('standup');
  const there = await (await person()).page();
  await there.goto(`${site.origin}/empty`);
  await there.addScriptTag({ type: 'module', content: guest }).catch(() => {});
  await knockOf(door, 'Ben');
  await value(door, 'updateWaitingParticipants', { '*': { grantRequestedAccess: true } });
  await there.waitForURL(`${gateway.origin}/call/standup`);
  await door.evaluate(`(async () => {${owner}})()`);
  assert.equal((await settled(await waitsAt('standup', 'Cid'), 'asked')).value.granted, true);
});

/** Which tones the page has made. */
const listensForSound = () => {
  window.tones = [];
  const Native = window.AudioContext;
  window.AudioContext = class extends Native {
    createOscillator() {
      window.tones.push(Date.now());
      return super.createOscillator();
    }
  };
};

test('our own knocking page: nobody there, asked, renamed, cancelled, denied with a countdown', async () => {
  const guest = await (await person()).page();
  await guest.goto(`${gateway.origin}/call/own`);
  await guest.getByRole('textbox', { name: 'Message (optional)' }).fill('Hello <i>there</i>');
  await knock(guest, 'Ben');
  await guest.getByText('Nobody who can open is here yet').waitFor();
  assert.equal(await guest.getByText('can see you.').isVisible(), false);
  await screenshot(guest, 'waiting-nobody');

  const ann = await person();
  await (await ann.page()).goto(await gateway.link('own', '--owner', '--name', 'Ann'));
  const door = await ann.page();
  await door.addInitScript(listensForSound);
  await door.goto(`${gateway.origin}/_roomgate/door?room=own`);
  await guest.getByText('The people inside have been asked').waitFor();
  await screenshot(guest, 'waiting-asked');
  await button(door, 'Allow', 'Ben').waitFor();
  await door.getByText('Hello <i>there</i>').waitFor();
  assert.match(await door.title(), /^\(1\) /);

  await guest.getByText('Change my name or message').click();
  await guest.locator('#other').fill('Benjamin');
  await guest.getByRole('button', { name: 'Change', exact: true }).click();
  await button(door, 'Allow', 'Benjamin').waitFor();
  await guest.locator('strong[data-name]', { hasText: 'Benjamin' }).waitFor();
  await guest.getByRole('button', { name: 'Stop waiting' }).click();
  await guest.getByRole('heading', { name: 'Knock to come in' }).waitFor();
  await door.getByText('stopped waiting').waitFor();
  await door.mouse.click(5, 5);
  await knock(guest, 'Ben');
  await eventually('a sound at the door', () => door.evaluate(() => window.tones.length > 0));
  await button(door, 'Deny', 'Ben').click();
  await guest.getByRole('heading', { name: 'Not this time' }).waitFor();
  assert.match(await guest.title(), /^✗ Not this time/);
  await guest.getByText(/You may knock again in a moment. \((2\d|3[01]) seconds\)/).waitFor();
  assert.equal(await guest.getByRole('button', { name: 'Knock again' }).isDisabled(), true);
  await door.getByText('turned away by Ann').waitFor();
  await screenshot(guest, 'denied-countdown');
});

test('our own pages: let in with a sound and a title, moved back, banned with all that a ban can be', async () => {
  const ann = await person();
  const meeting = await ann.page();
  await meeting.goto(await gateway.link('pages', '--owner', '--name', 'Ann'));
  await join(meeting, 'Ann');
  const door = await openDoor(ann, gateway.origin, 'pages');
  const someone = await person();
  const guest = await someone.page();
  await guest.addInitScript(listensForSound);
  await guest.goto(`${gateway.origin}/call/pages#frag`);
  await knock(guest, 'Ben');
  await button(door, 'Allow', 'Ben').click();
  await guest.getByRole('heading', { name: 'The door is open' }).waitFor();
  assert.match(await guest.title(), /^✓ The door is open/);
  assert.ok(await guest.evaluate(() => window.tones.length) > 0);
  await guest.waitForURL(`${gateway.origin}/call/pages#frag`);
  await join(guest, 'Ben');

  await button(door, 'Move to waiting room', 'Ben').click();
  await door.getByText('sent back to wait').filter({ visible: true }).waitFor();
  await screenshot(door, 'door-moved-back');
  await guest.goto(`${gateway.origin}/call/pages`);
  await guest.getByRole('heading', { name: 'Back in the waiting room' }).waitFor();
  await screenshot(guest, 'moved-back');
  await door.getByRole('checkbox', { name: /The same for whoever knocks/ }).check();
  await door.getByRole('button', { name: 'Allow everyone' }).click();
  await guest.waitForURL(`${gateway.origin}/call/pages`);
  await door.getByText('Decided by Ann').waitFor();
  await join(guest, 'Ben');
  await openBan(door, 'Ben');
  await screenshot(door, 'door-ban');
  await door.getByRole('checkbox', { name: 'For good' }).check();
  await button(door, 'Ban', 'Ben').click();
  await door.getByRole('heading', { name: 'Kept out' }).waitFor();
  await door.getByText('for good', { exact: true }).filter({ visible: true }).waitFor();
  await screenshot(door, 'door-banned');
  await button(door, 'Let back in', 'Ben').click();
  await door.getByRole('heading', { name: 'Kept out' }).waitFor({ state: 'hidden' });
  await door.getByRole('button', { name: 'Ask me each time again' }).click();
  await door.getByText('Decided by Ann').waitFor({ state: 'hidden' });
});

test('the types describe the client, and the example keeps to them', async () => {
  const tsc = file('node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '--project', file('types/tsconfig.json')]).catch(({ stdout }) => assert.fail(stdout));
  // Every method that there is has a type, and no other.
  const there = await page({ room: 'open' });
  const methods = await there.evaluate(() => Object.keys(window.call).sort());
  const types = await readFile(file('../../src/web/assets/client.d.ts'), 'utf8');
  const of = types.slice(types.indexOf('export interface CallObject {'), types.indexOf('export declare const ACCESS_LEVEL_FULL'));
  const typed = [...new Set([...of.matchAll(/^ {2}(?:readonly )?(\w+)[(:<]/gm)].map(([, name]) => name))].sort();
  assert.deepEqual(methods, typed);
});
