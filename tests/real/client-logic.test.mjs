// What does client.js make of news that comes in an unlucky order? Played with a made-up server, which answers when it is told to.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const source = await readFile(new URL('../../src/web/assets/client.js', import.meta.url), 'utf8');
const { createCallObject } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const states = {
  free: { access: { level: 'lobby' }, code: 'may-knock' },
  waiting: { access: { level: 'lobby' }, awaitingAccess: { level: 'full' }, code: 'waiting', name: 'Ben', opener: true },
  denied: { access: { level: 'lobby' }, code: 'denied', retry_after: 30 },
  full: { access: { level: 'full' }, code: 'knock', page: '/call/x' },
};

let streams;
let requests;
let answers;
const calls = [];

class Stream extends EventTarget {
  readyState = 1;
  constructor(url) {
    super();
    this.url = url;
    streams.push(this);
  }

  close() {
    this.readyState = 2;
  }

  says(name, data) {
    if (this.readyState !== 2) this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}

beforeEach(() => {
  [streams, requests, answers] = [[], [], []];
  globalThis.EventSource = Stream;
  globalThis.fetch = (url, { method, body }) => {
    const { pathname } = new URL(url);
    const request = { what: `${method} ${pathname}`, body: body && JSON.parse(body) };
    requests.push(request);
    return new Promise((resolve, reject) => {
      request.answer = (said, status = 200) => resolve(new Response(JSON.stringify(said), { status }));
      request.fail = () => reject(new TypeError('no network'));
      const known = answers.find(([what]) => what === request.what);
      if (known) request.answer(...known.slice(1));
    });
  };
});
afterEach(async () => {
  for (const call of calls.splice(0)) await call.destroy();
});

const asked = (what) => requests.filter((one) => one.what === what);

/** A call object that knows where it stands, its stream, and all that it tells. */
async function begins(state = states.free) {
  const call = createCallObject({ room: 'x', gateway: 'https://meet.example.org' });
  calls.push(call);
  const heard = [];
  for (const name of ['access-state-updated', 'error', 'waiting-participant-added', 'waiting-participant-removed', 'connection-updated']) {
    call.on(name, (event) => heard.push(event));
  }
  answers = [['GET /_roomgate/access', state]];
  await call.preAuth();
  answers = [];
  const stream = streams.at(-1);
  stream.says('access-state-updated', state);
  return { call, stream, heard, of: (name) => heard.filter(({ action }) => action === name) };
}

function knocks(call) {
  const outcome = { now: 'pending' };
  call.requestAccess({ name: 'Ben' }).then((value) => { outcome.now = value; }, (error) => { outcome.now = error; });
  return outcome;
}

test('a knock that is answered on the stream before it is answered by itself ends granted, and stays so', async () => {
  const { call, stream } = await begins();
  const outcome = knocks(call);
  stream.says('access-state-updated', states.waiting);
  stream.says('access-state-updated', states.full);
  await sleep(5);
  assert.deepEqual(outcome.now, { access: { level: 'full' }, granted: true });
  asked('POST /_roomgate/knock')[0].answer(states.waiting);
  await sleep(5);
  asked('GET /_roomgate/access').at(-1).answer(states.full);
  await sleep(5);
  assert.deepEqual(call.accessState(), { access: { level: 'full' } });
});

test('old news on the stream ends no knock', async () => {
  const { call, stream } = await begins();
  const outcome = knocks(call);
  stream.says('access-state-updated', { ...states.free, token_code: 'token-expired' });
  asked('POST /_roomgate/knock')[0].answer(states.waiting);
  await sleep(5);
  assert.equal(outcome.now, 'pending');
  asked('GET /_roomgate/access').at(-1).answer(states.waiting);
  stream.says('access-state-updated', states.waiting);
  await sleep(5);
  assert.equal(outcome.now, 'pending');
  stream.says('access-state-updated', states.full);
  await sleep(5);
  assert.equal(outcome.now.granted, true);
});

test('a denial so fast that nobody saw the knock wait is asked about, and told once', async () => {
  const { call, stream, of } = await begins();
  const outcome = knocks(call);
  asked('POST /_roomgate/knock')[0].answer(states.denied);
  await sleep(5);
  asked('GET /_roomgate/access').at(-1).answer(states.denied);
  await sleep(5);
  stream.says('access-state-updated', states.denied);
  await sleep(5);
  assert.deepEqual(outcome.now, { access: { level: 'lobby' }, granted: false });
  assert.deepEqual(of('error').map(({ errorMsg, error }) => [errorMsg, error.type]), [['Join request rejected', 'not-allowed']]);
});

test('a knock that does not count is rejected and leaves nothing behind', async () => {
  const { call } = await begins();
  const outcome = knocks(call);
  asked('POST /_roomgate/knock')[0].answer({ code: 'too-many', message: 'Slowly', access: { level: 'lobby' }, retry_after: 5 }, 429);
  await sleep(5);
  assert.deepEqual([outcome.now.code, outcome.now.message, outcome.now.retryAfter], ['too-many', 'Slowly', 5]);
  const again = knocks(call);
  asked('POST /_roomgate/knock')[1].fail();
  await sleep(5);
  assert.deepEqual([again.now.code, again.now.type], ['unreachable', 'connection-error']);
});

test('a token that is refused is told with what follows from it, and one whose cookie is not kept as well', async () => {
  const call = createCallObject({ url: 'https://meet.example.org/call/x?t=TOKEN' });
  calls.push(call);
  answers = [['POST /_roomgate/session', { code: 'may-knock', token_code: 'token-expired', access: { level: 'lobby' } }, 401], ['GET /_roomgate/access', states.free]];
  assert.deepEqual(await call.preAuth(), { access: { level: 'lobby' } });
  assert.deepEqual(asked('POST /_roomgate/session')[0].body, { room: 'x', token: 'TOKEN' });
  assert.equal(call.accessDetails().tokenCode, 'token-expired');
  answers = [['POST /_roomgate/session', states.full], ['GET /_roomgate/access', states.free]];
  await assert.rejects(call.preAuth(), { code: 'no-cookies', type: 'not-allowed' });
});

const waits = (n) => ({ id: `id${n}`, name: `N${n}`, version: n, awaitingAccess: { level: 'full' } });

test('a new stream of an owner repeats nothing, and who left meanwhile is gone', async () => {
  const owner = { waiting: [waits(1), waits(2)], inside: [], bans: [], remembered: { answer: null } };
  const { call, heard, of } = await begins({ ...states.full, owner });
  const stream = streams.at(-1);
  stream.onopen();
  for (const n of [1, 2]) stream.says('waiting-participant-added', { participant: waits(n) });
  stream.says('presence', { inside: [], bans: [] });
  assert.equal(of('waiting-participant-added').length, 2, JSON.stringify(heard));
  stream.onerror();
  stream.onopen();
  stream.says('waiting-participant-added', { participant: waits(2) });
  stream.says('presence', { inside: [], bans: [] });
  assert.deepEqual(Object.keys(call.waitingParticipants()), ['id2']);
  assert.deepEqual(of('connection-updated').map(({ state }) => state), ['interrupted', 'ok']);
});

test('two hundred and fifty are answered a hundred at a time, each in the version that was seen', async () => {
  const owner = { waiting: Array.from({ length: 250 }, (_, n) => waits(n)), inside: [], bans: [], remembered: { answer: null } };
  const { call } = await begins({ ...states.full, owner });
  answers = [['PATCH /_roomgate/v1/rooms/x/waiting-participants', { ids: ['some'] }]];
  const { ids } = await call.updateWaitingParticipants({ '*': { grantRequestedAccess: true } });
  const sent = asked('PATCH /_roomgate/v1/rooms/x/waiting-participants').map(({ body }) => body);
  assert.deepEqual([ids.length, ...sent.map((body) => Object.keys(body).length)], [3, 100, 100, 50]);
  assert.deepEqual(sent[2].id249, { grantRequestedAccess: true, version: 249 });
  await call.updateWaitingParticipants({ '*': { grantRequestedAccess: true, remember: true } });
  assert.deepEqual(asked('PATCH /_roomgate/v1/rooms/x/waiting-participants').at(-1).body, { '*': { grantRequestedAccess: true, remember: true } });
});

test('all that comes too late is a rejection, and some of it a list', async () => {
  const owner = { waiting: [waits(1), waits(2)], inside: [], bans: [], remembered: { answer: null } };
  const { call } = await begins({ ...states.full, owner });
  const conflict = { id: 'id1', error: 'conflict', code: 'first-denied', info: 'Somebody else was first', by: 'Bo' };
  answers = [['PATCH /_roomgate/v1/rooms/x/waiting-participants', { ids: [], conflicts: [conflict] }, 409]];
  await assert.rejects(call.updateWaitingParticipants({ id1: { grantRequestedAccess: true } }), { code: 'first-denied', by: 'Bo', conflicts: [conflict] });
  answers = [['PATCH /_roomgate/v1/rooms/x/waiting-participants', { ids: ['id2'], conflicts: [conflict] }]];
  const both = { id1: { grantRequestedAccess: true }, id2: { grantRequestedAccess: true } };
  assert.deepEqual(await call.updateWaitingParticipants(both), { ids: ['id2'], conflicts: [conflict] });
});

test('a stream that keeps its news to itself is left after twelve seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const call = createCallObject({ room: 'x', gateway: 'https://meet.example.org' });
  calls.push(call);
  answers = [['GET /_roomgate/access', states.free]];
  await call.preAuth();
  assert.equal(streams.at(-1).readyState, 1);
  t.mock.timers.tick(12_000);
  assert.equal(streams.at(-1).readyState, 2);
  const before = asked('GET /_roomgate/access').length;
  t.mock.timers.tick(7_001);
  assert.equal(asked('GET /_roomgate/access').length, before + 1);
});

test('whoever loses their say as an owner is shown nobody any more', async () => {
  const owner = { waiting: [waits(1)], inside: [{ id: 'a', name: 'A' }], bans: [], remembered: { answer: 'allow' } };
  const { call, of } = await begins({ ...states.full, owner });
  assert.equal(call.rememberedChoice().answer, 'allow');
  streams.at(-1).says('access-state-updated', states.free);
  assert.deepEqual([call.waitingParticipants(), call.participants(), call.rememberedChoice()], [{}, {}, null]);
  assert.equal(of('waiting-participant-removed').length, 1);
});
