// Does the gateway keep a Jitsi, seen through its own library, converse.js and @xmpp/client? Prosody behind it lets in whoever asks.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { openBrowser, sockets } from './harness/browser.mjs';
import { button, knock, openBan, openDoor, order } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { startJitsi } from './harness/jitsi.mjs';
import { answersPing, enters, event, events, hears, joins, meet, speak, xmppClient } from './harness/meeting.mjs';
import { eventually } from './harness/process.mjs';
import { Script } from './harness/script.mjs';
import { watch } from './harness/watcher.mjs';
import { auth, Bosh, iq, join, login, open, say, sm, stanzas, Wire } from './harness/xmpp.mjs';

const vaults = ['vault', 'talk-ws', 'talk-bosh', 'talk-mixed', 'gone-ws', 'gone-bosh', 'kicked', 'banned', 'resume', 'restart', 'reload', 'mobile', 'minted', 'node', 'counted', 'watched', 'timed', 'knocked'];
const rooms = ['[[room]]\nname = "open"', ...vaults.map((name) => `[[room]]\nname = "${name}"\nprivacy = "private"${name === 'knocked' ? '\nenable_knocking = true' : ''}`)].join('\n');
const notAllowed = 'conference.connectionError.notAllowed';
const transports = ['ws', 'bosh'];

let jitsi;
let gateway;
let port;
let browser;
let everybody = [];

before(async () => {
  [jitsi, browser] = await Promise.all([startJitsi(), openBrowser()]);
  gateway = await startGateway({ ...jitsi.gateway, rooms });
  port = Number(new URL(gateway.origin).port);
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  await jitsi?.stop();
});

const muc = (name, nick) => `${name}@conference.localhost${nick ? `/${nick}` : ''}`;

/** A new person's page at an address. */
async function visit(address) {
  const someone = await browser.person();
  everybody.push(someone);
  const page = await someone.page();
  const answer = await page.goto(address);
  return { someone, page, status: answer.status() };
}

/** A new person's page in a room, for which they have a link with such a name. */
async function comes(room, name, ...options) {
  const { someone, page, status } = await visit(await gateway.link(room, '--name', name, ...options));
  assert.equal(status, 200);
  return { someone, page };
}

async function watching(room) {
  const watcher = await watch(jitsi.prosody.http, room);
  everybody.push(watcher);
  return watcher;
}

/** The headers that a visitor's browser sends after having been at an address. */
async function ticket(address) {
  const script = new Script(gateway.origin);
  assert.equal((await script.visits(address)).status, 200, `${address.split('?')[0]} did not let the test's own visitor in`);
  return { Cookie: script.cookie, Origin: gateway.origin };
}

async function wireOf(headers, path, options) {
  const wire = await Wire.open({ port, path, headers });
  everybody.push({ leave: () => wire.cut() });
  assert.equal(wire.status, 101);
  assert.ok(await login(wire, options), `no login: ${wire.heard.join('\n')}`);
  return wire;
}

/** Goes into a room by hand; the answer, as an element. */
async function answerTo(wire, to) {
  const from = wire.heard.length;
  wire.send(join(to));
  const text = await wire.until(/110|type=['"]error/, { from });
  assert.ok(text, `no answer: ${wire.heard.slice(from).join('\n')}`);
  return stanzas(text)[0];
}

const refusal = (presence) => {
  const error = presence.getChild('error');
  return { type: presence.attrs.type, from: presence.attrs.from, to: presence.attrs.to, kind: error?.attrs.type, condition: error?.children.find(({ name }) => name !== 'text')?.name, text: error?.getChildText('text') };
};

/** How often the guard has refused something since the start. */
async function refusals() {
  const lines = (await gateway.metrics()).split('\n').filter((line) => line.startsWith('roomgate_guard_refusals_total'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

for (const transport of transports) {
  test(`over ${transport}, two people with links join and hear each other, and nothing that they say is refused`, async () => {
    const before = await refusals();
    const [{ page: ann }, { page: ben }] = [await comes(`talk-${transport}`, 'Ann', '--owner'), await comes(`talk-${transport}`, 'Ben')];
    await joins(ann, { transport, name: 'Ann' });
    await joins(ben, { transport, name: 'Ben' });
    await event(ann, 'conference.userJoined');
    await speak(ann, 'hello Ben');
    await hears(ben, 'hello Ben');
    await speak(ben, 'hello <Ann> & "all" \u{1f44b}');
    await hears(ann, 'hello <Ann> & "all" \u{1f44b}');
    assert.ok(jitsi.focus.asked.some(({ room }) => room === muc(`talk-${transport}`)), 'the focus was not asked');
    assert.equal(await refusals(), before, gateway.said().split('\n').filter((line) => line.includes('guard')).join('\n'));
  });

  test(`over ${transport}, whoever stands in the public room is told that they may not join the private one, once`, async () => {
    const watcher = await watching('vault');
    const { page } = await visit(`${gateway.origin}/open`);
    await meet(page, { transport, room: 'vault', name: 'Eve' });
    const { details } = await event(page, 'conference.failed');
    assert.equal(details[0], notAllowed);
    assert.ok((await refusals()) > 0);
    await sleep(4_000);
    assert.equal((await events(page, 'conference.failed')).length, 1, JSON.stringify(await events(page)));
    assert.deepEqual((await events(page)).filter(({ name }) => ['connection.connectionFailed', 'connection.connectionDisconnected', 'conference.joined'].includes(name)), []);
    if (transport === 'ws') assert.equal((await sockets(page)).length, 1, 'it has connected again and again');
    assert.deepEqual(watcher.came(), []);
    // Control: it was the room, not the page.
    const { page: honest } = await visit(`${gateway.origin}/open`);
    await joins(honest, { transport, name: 'Honest' });
  });
}

test('somebody over WebSocket and somebody over BOSH are in the same meeting', async () => {
  const [{ page: ann }, { page: ben }] = [await comes('talk-mixed', 'Ann'), await comes('talk-mixed', 'Ben')];
  await joins(ann, { transport: 'ws' });
  await joins(ben, { transport: 'bosh' });
  await event(ann, 'conference.userJoined');
  await speak(ann, 'by socket');
  await hears(ben, 'by socket');
  await speak(ben, 'by polls');
  await hears(ann, 'by polls');
});

test('the cookie alone is enough: after a reload, the same person joins again', async () => {
  const { page } = await comes('reload', 'Fay');
  await joins(page);
  await page.reload();
  assert.doesNotMatch(page.url(), /[?&]t=/);
  await joins(page);
});

for (const transport of transports) {
  test(`over ${transport}, a token in the socket's address is enough where there are no cookies, and goes no further`, async () => {
    const token = new URL(await gateway.link('mobile', '--name', 'Mo')).searchParams.get('t');
    const watcher = await watching('mobile');
    const tried = async (query, nick) => {
      const path = `?room=mobile${query}`;
      if (transport === 'bosh') {
        const session = new Bosh({ port, path: `/http-bind${path}` });
        if (!(await session.login())) return 'no login';
        return /code='110'/.test(await session.send(join(muc('mobile', nick)))) ? 'inside' : 'refused';
      }
      const wire = await Wire.open({ port, path: `/xmpp-websocket${path}` });
      everybody.push({ leave: () => wire.cut() });
      if (wire.status !== 101 || !(await login(wire))) return 'no login';
      return refusal(await answerTo(wire, muc('mobile', nick))).type === 'error' ? 'refused' : 'inside';
    };
    assert.equal(await tried(`&token=${token}`, `mo-${transport}`), 'inside');
    assert.notEqual(await tried('', `nobody-${transport}`), 'inside');
    assert.notEqual(await tried(`&token=${token}x`, `forger-${transport}`), 'inside');
    const other = new URL(await gateway.link('vault')).searchParams.get('t');
    assert.notEqual(await tried(`&token=${other}`, `other-${transport}`), 'inside');
    assert.deepEqual(watcher.came().map(({ nick }) => nick).filter((nick) => nick.endsWith(transport)), [`mo-${transport}`]);
    assert.ok(!jitsi.everything().includes(token), 'the token went to the server behind');
  });
}

test('a session that was cut is resumed, and nobody has seen a leave', async () => {
  const watcher = await watching('resume');
  const [{ page: ann }, { page: ben }] = [await comes('resume', 'Ann'), await comes('resume', 'Ben')];
  await joins(ann);
  await joins(ben);
  await event(ann, 'conference.userJoined');
  await ben.evaluate(() => window.connection.xmpp.connection.closeWebsocket());
  await speak(ann, 'are you there?');
  await hears(ben, 'are you there?', 15_000);
  await speak(ben, 'I am');
  await hears(ann, 'I am');
  assert.deepEqual(watcher.left(), []);
  assert.equal((await events(ben, 'conference.joined')).length, 1, 'it has joined anew');
  assert.match(jitsi.recorded.prosody.everything(), /<resume /, 'it was not a resumption');
});

test('sessions outlive a restart of the gateway', async () => {
  const watcher = await watching('restart');
  const { page } = await comes('restart', 'Rita');
  await joins(page);
  await eventually('Rita to be inside', () => watcher.came().length === 1);
  await gateway.restart();
  watcher.wire.send(say(muc('restart'), 'after the restart'));
  await hears(page, 'after the restart', 30_000);
  assert.deepEqual(watcher.left(), []);
  assert.equal((await events(page, 'conference.joined')).length, 1, 'it has joined anew');
});

for (const transport of transports) {
  test(`over ${transport}, Remove at the door ends a visit within a second, idle as it is, and the same browser does not come back`, async () => {
    const room = `gone-${transport}`;
    const watcher = await watching(room);
    const { someone: ann, page: meeting } = await comes(room, 'Ann', '--owner');
    await joins(meeting, { transport });
    const { page: dan } = await comes(room, 'Dan');
    await joins(dan, { transport, name: 'Dan' });
    const [nick] = await eventually('both inside', () => watcher.came().length === 2 && watcher.came().slice(1).map((one) => one.nick));
    const door = await openDoor(ann, gateway.origin, room);
    await button(door, 'Remove', 'Dan').waitFor();
    await sleep(2_000); // idle: nothing passes that could notice
    const sent = await order(door, 'Remove', 'Dan');
    const { at } = await eventually('the others to see Dan leave', () => watcher.left().find((one) => one.nick === nick));
    assert.ok(at - sent <= 1_000, `the others saw it after ${at - sent} ms`);
    const told = await event(dan, 'conference.kicked');
    assert.ok(told.at - sent <= 1_000, `Dan was told after ${told.at - sent} ms`);
    if (transport === 'ws') {
      const ended = await eventually('the end of the socket', async () => (await sockets(dan)).find(({ opened, closed }) => opened && closed));
      assert.ok(ended.closed - sent <= 1_000, `the socket ended after ${ended.closed - sent} ms`);
    }
    // Dan's page may try again by itself.
    await sleep(3_000);
    assert.equal(watcher.came().length, 2, 'somebody came back');
    assert.equal((await dan.reload()).status(), 403);
    assert.deepEqual(watcher.left().map((one) => one.nick), [nick], 'others left too');
  });
}

test('Remove ends a long poll within a second: it says who was removed and why, the next one that all is over', async () => {
  const { someone: ann } = await comes('watched', 'Ann', '--owner');
  const door = await openDoor(ann, gateway.origin, 'watched');
  const session = new Bosh({ port, path: '/http-bind?room=watched', headers: await ticket(await gateway.link('watched', '--name', 'Poll')) });
  assert.ok(await session.login());
  assert.match(await session.send(join(muc('watched', 'poll'))), /code='110'/);
  await button(door, 'Remove', 'Poll').waitFor();
  const poll = session.send('', { within: 8_000 }).then((body) => ({ body, at: Date.now() }));
  await sleep(1_000);
  const sent = await order(door, 'Remove', 'Poll');
  const { body, at } = await poll;
  // A body that says `terminate` is read no further by Strophe: the client would not learn why.
  const presence = stanzas(body).find((one) => one.is('presence'));
  assert.equal(presence?.attrs.type, 'unavailable', body);
  assert.equal(presence.attrs.from, muc('watched', 'poll'));
  assert.deepEqual(presence.getChild('x').getChildren('status').map(({ attrs: { code } }) => code), ['307', '110']);
  assert.ok(at - sent <= 1_000, `it took ${at - sent} ms`);
  assert.match(await session.send(''), /type=['"]terminate/);
  assert.match(await session.send(join(muc('watched', 'again'))), /type=['"]terminate/);
});

for (const transport of transports) {
  test(`over ${transport}, whoever a moderator kicks inside the meeting does not come back by the same link`, async () => {
    const watcher = await watching('kicked');
    // The first in the room is its moderator for Prosody.
    const link = await gateway.link('kicked', '--name', 'Kim');
    const { page: kim } = await visit(link);
    await joins(kim, { transport, name: 'Kim' });
    const [nick] = await eventually('Kim to be inside', () => watcher.came().length === 1 && watcher.came().map((one) => one.nick));
    watcher.wire.send(iq(muc('kicked'), 'kick', `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="${nick}" role="none"><reason>enough</reason></item></query>`, 'set'));
    await event(kim, 'conference.kicked');
    assert.deepEqual(watcher.left().map(({ codes }) => codes.includes('307')), [true]);
    await sleep(1_000);
    assert.equal((await kim.reload()).status(), 403, 'the same browser came back');
    const { status } = await visit(link);
    assert.ok([401, 403].includes(status), `the same link let somebody in: ${status}`);
    // Control: another link does.
    const { page: lea } = await comes('kicked', 'Lea');
    await joins(lea);
  });
}

test('whoever has knocked and was allowed joins, and is out when banned', async () => {
  const watcher = await watching('knocked');
  const { someone: ann } = await comes('knocked', 'Ann', '--owner');
  const door = await openDoor(ann, gateway.origin, 'knocked');
  const { page: gus } = await visit(`${gateway.origin}/knocked`);
  await knock(gus, 'Gus');
  await button(door, 'Allow', 'Gus').click();
  await gus.waitForURL(`${gateway.origin}/knocked`);
  await joins(gus);
  await eventually('Gus to be inside', () => watcher.came().length === 1);
  await openBan(door, 'Gus');
  const sent = await order(door, 'Ban', 'Gus');
  const [{ at }] = await eventually('Gus to leave', () => watcher.left().length === 1 && watcher.left());
  assert.ok(at - sent <= 1_000, `it took ${at - sent} ms`);
  assert.equal((await gus.reload()).status(), 403);
});

for (const transport of transports) {
  test(`over ${transport}, a token that ends with its visit ends it, properly`, async () => {
    const watcher = await watching('timed');
    const end = Math.floor(Date.now() / 1000) + 4;
    const headers = await ticket(gateway.forge('timed', { r: 'timed', u: 'Tim', exp: end, ejt: true }));
    const nick = `tim-${transport}`;
    if (transport === 'bosh') {
      const session = new Bosh({ port, path: '/http-bind?room=timed', headers });
      await session.login();
      await session.send(join(muc('timed', nick)));
      void session.send('', { within: 8_000 });
    } else {
      const wire = await wireOf(headers, '/xmpp-websocket?room=timed');
      assert.notEqual((await answerTo(wire, muc('timed', nick))).attrs.type, 'error');
    }
    const [{ at }] = await eventually('Tim to leave', () => watcher.left().length === 1 && watcher.left());
    assert.ok(at >= end * 1000 && at <= end * 1000 + 2_000, `it took ${at - end * 1000} ms`);
  });
}

test('converse.js joins, and shows why somebody may not', async () => {
  const watcher = await watching('vault');
  const { page } = await visit(await gateway.link('vault', '--name', 'Conny'));
  await page.goto(`${gateway.origin}/vault?client=converse&nick=conny`);
  await eventually('converse.js to join', () => watcher.came().some(({ nick }) => nick === 'conny'));

  const wire = await wireOf(await ticket(`${gateway.origin}/open`), '/xmpp-websocket?room=vault');
  const { text } = refusal(await answerTo(wire, muc('vault', 'raw')));
  assert.ok(text && text.length > 10, `the refusal says nothing: ${text}`);
  const { page: stranger } = await visit(`${gateway.origin}/open?client=converse&nick=eve#vault`);
  await stranger.getByText(text).first().waitFor();
  assert.ok(!watcher.came().some(({ nick }) => nick === 'eve'));
});

test('@xmpp/client joins, and is refused with an error that ends the matter', async () => {
  const headers = await ticket(await gateway.link('node', '--name', 'Nora'));
  const nora = await xmppClient(gateway.origin, { path: '/xmpp-websocket?room=node', headers });
  everybody.push({ leave: nora.stop });
  assert.equal((await enters(nora, muc('node'), 'nora')).inside, true);
  const { inside, error } = await enters(nora, muc('vault'), 'nora');
  assert.equal(inside, false);
  assert.equal(error.attrs.type, 'cancel');
  assert.ok(error.getChild('not-allowed', 'urn:ietf:params:xml:ns:xmpp-stanzas'), error.toString());
  // The stream is as before: its next request is answered.
  assert.equal(await answersPing(nora), true);
});

test('a refusal says to whom it is, from where, and why', async () => {
  const wire = await wireOf(await ticket(`${gateway.origin}/open`), '/xmpp-websocket?room=open');
  const { text, ...rest } = refusal(await answerTo(wire, muc('vault', 'who')));
  assert.deepEqual(rest, { type: 'error', from: muc('vault', 'who'), to: wire.jid, kind: 'cancel', condition: 'not-allowed' });
  assert.ok(text);
  const from = wire.heard.length;
  wire.send(iq('focus.localhost', 'ask-1', `<conference xmlns="http://jitsi.org/protocol/focus" room="${muc('vault')}" machine-uid="asked-for-vault"/>`, 'set'));
  const answer = await wire.until(/id=['"]ask-1/, { from });
  assert.match(answer, /ready=['"]true/, 'a conference request is to be answered `ready`, so that the join is refused');
  assert.ok(!jitsi.focus.asked.some(({ said }) => said.includes('asked-for-vault')));
});

test('the counters of stream management are the same on both sides after refusals, and after a resumption', async () => {
  const headers = await ticket(await gateway.link('counted', '--name', 'Cora'));
  const first = await wireOf(headers, '/xmpp-websocket?room=counted', { resume: true });
  const begun = first.heard.findIndex((text) => text.includes('<enabled'));
  const came = (wire, from) => wire.heard.slice(from).flatMap(stanzas).filter((one) => ['iq', 'presence', 'message'].includes(one.name)).length;
  await answerTo(first, muc('counted', 'cora'));
  for (const room of ['vault', 'node', 'resume']) await answerTo(first, muc(room, 'cora'));
  first.send(say(muc('vault'), 'nothing'));
  first.send(iq('localhost', 'p-1', '<ping xmlns="urn:xmpp:ping"/>'));
  await first.until(/id=['"]p-1/);
  await sleep(200);
  const asked = first.heard.length;
  first.send(`<r xmlns="${sm}"/>`);
  assert.equal(/h=['"](\d+)/.exec(await first.until(/<a /, { from: asked }))[1], '6', 'Prosody has not counted what was sent');
  const heard = came(first, begun);
  first.send(`<a xmlns="${sm}" h="${heard}"/>`);
  await sleep(300);
  assert.equal(first.ended, 0, `the stream has ended: ${first.heard.slice(-2).join('\n')}`);
  first.cut();

  const second = await Wire.open({ port, path: `/xmpp-websocket?room=counted&previd=${first.session}`, headers });
  for (const [said, expected] of [[open(), /ANONYMOUS/], [auth, /<success/], [open(), /<bind/], [`<resume xmlns="${sm}" previd="${first.session}" h="${heard}"/>`, /<(resumed|failed)/]]) {
    const from = second.heard.length;
    second.send(said);
    assert.ok(await second.until(expected, { from }), second.heard.join('\n'));
  }
  const resumed = second.heard.find((text) => text.includes('<resumed'));
  assert.ok(resumed, second.heard.join('\n'));
  assert.equal(/\bh=['"](\d+)/.exec(resumed)[1], '6');
  assert.equal(/\bprevid=['"]([^'"]+)/.exec(resumed)[1], first.session, 'the client knows its session by another name');
  await sleep(300);
  assert.equal(came(second, second.heard.indexOf(resumed)), 0, 'Prosody thinks that something was not heard');
  second.send(say(muc('counted'), 'still here'));
  assert.ok(await second.until(/still here/), 'the session is not the one that was inside');
  second.cut();
});

test('a GET that keeps a socket warm is answered, and tells nothing', async () => {
  const script = new Script(gateway.origin);
  await script.visits(`${gateway.origin}/open`);
  for (const room of ['open', 'vault', 'nowhere']) {
    const { status, body } = await script.get(`/xmpp-websocket?room=${room}`, { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' });
    assert.equal(status, 200);
    assert.ok(!body.includes(room));
  }
});

test('whoever opens a private room’s page without a right gets the gateway’s page, not Jitsi’s', async () => {
  const { page, status } = await visit(`${gateway.origin}/vault`);
  assert.ok([401, 403].includes(status));
  assert.ok(await page.getByRole('heading', { name: 'This room is private' }).isVisible());
  const { status: capitals } = await visit(`${gateway.origin}/VAULT`);
  assert.ok([401, 403].includes(capitals), `a name in capitals got ${capitals}`);
});

describe('with Jitsi’s own tokens', () => {
  const secret = randomBytes(32).toString('hex');
  let other;
  before(async () => {
    const upstreamMore = `${jitsi.gateway.upstreamMore}token = { app_id = "roomgate", secret_file = "jitsi.secret", audience = "jitsi" }\n`;
    other = await startGateway({ ...jitsi.gateway, upstreamMore, rooms, files: { 'jitsi.secret': secret } });
  });
  after(() => other?.stop());

  /** The claims of the token that went upstream with the last request whose target or head has `sign`; null where there was none. */
  function claims(from) {
    const tokens = jitsi.recorded.prosody.requests.slice(from).concat(jitsi.recorded.focus.requests.slice(from)).flatMap(({ target, headers }) => [
      new URL(target, 'http://x').searchParams.get('token'), headers.authorization?.replace(/^Bearer /, '')]).filter(Boolean);
    if (tokens.length === 0) return null;
    const [head, body, signature] = tokens.at(-1).split('.');
    assert.equal(createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url'), signature, 'it is not signed with the secret');
    return JSON.parse(Buffer.from(body, 'base64url'));
  }

  for (const transport of transports) {
    for (const [who, options, moderator] of [['an owner', ['--owner'], true], ['a participant', [], false]]) {
      test(`over ${transport}, ${who} is ${moderator ? '' : 'no '}moderator by a token that the browser never sees`, async () => {
        const { someone, page } = await visit(await other.link('minted', '--name', 'Min', '--user', '42', ...options));
        const from = jitsi.recorded.prosody.requests.length;
        await joins(page, { transport });
        const minted = claims(from);
        assert.ok(minted, 'no token went upstream');
        assert.equal(minted.iss, 'roomgate');
        assert.equal(minted.aud, 'jitsi');
        assert.equal(minted.room, 'minted');
        assert.equal(minted.context.user.name, 'Min');
        assert.equal(String(minted.context.user.moderator ?? false), String(moderator));
        assert.ok(minted.exp > Date.now() / 1000 && minted.exp < Date.now() / 1000 + 600, `exp is ${minted.exp}`);
        assert.deepEqual(someone.requests.filter(({ url }) => url.includes('token=')), []);
        const page_ = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }) + location.href);
        assert.ok(!page_.includes('eyJ'), 'the browser holds a token');
      });
    }
  }

  test('the conference request by POST carries it too', async () => {
    const script = new Script(other.origin);
    await script.visits(await other.link('minted', '--name', 'Min'));
    const answer = await fetch(`${other.origin}/conference-request/v1?room=minted`, {
      method: 'POST', headers: { cookie: script.cookie, origin: other.origin, 'content-type': 'application/json' }, body: JSON.stringify({ room: muc('minted'), machineUid: 'minted' }),
    });
    assert.equal(answer.status, 200);
    const { headers } = jitsi.focus.asked.findLast(({ said }) => said.includes('minted'));
    assert.match(headers.authorization ?? '', /^Bearer /);
  });
});

test('a room that ends with its meeting ends it', async () => {
  const end = Math.floor(Date.now() / 1000) + 8;
  const short = await startGateway({ ...jitsi.gateway, rooms: `[[room]]\nname = "short"\nexp = ${end}\neject_at_room_exp = true` });
  try {
    const watcher = await watching('short');
    const script = new Script(short.origin);
    await script.visits(`${short.origin}/short`);
    const wire = await Wire.open({ port: Number(new URL(short.origin).port), path: '/xmpp-websocket?room=short', headers: { Cookie: script.cookie, Origin: short.origin } });
    await login(wire);
    wire.send(join(muc('short', 'sue')));
    await eventually('Sue to be inside', () => watcher.came().length === 1);
    const [{ at }] = await eventually('Sue to leave', () => watcher.left().length === 1 && watcher.left());
    assert.ok(at >= end * 1000 && at <= end * 1000 + 2_000, `it took ${at - end * 1000} ms`);
    await eventually('her socket to end', () => wire.ended);
  } finally {
    await short.stop();
  }
});

test('no token of ours was ever seen by a server behind, or written to any log', () => {
  const said = gateway.said() + jitsi.prosody.said();
  const seen = jitsi.everything();
  assert.ok(gateway.minted.length > 10 && seen.includes('vault') && /debug/i.test(gateway.said()), 'the test has nothing to look at');
  for (const token of gateway.minted) {
    for (const part of [token, ...token.split('.').slice(1)]) {
      assert.ok(!seen.includes(part), 'a token reached a server behind');
      assert.ok(!said.includes(part), 'a token is in a log');
    }
  }
  assert.doesNotMatch(seen, /[?&]t=/i);
  assert.doesNotMatch(seen, /roomgate-[^\r\n]*=/);
});
