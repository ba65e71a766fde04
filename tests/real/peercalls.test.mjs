// Does the gateway keep a real conferencing server, seen through real browsers? Peer Calls 3.0.21 behind it lets in whoever asks.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { framesDecoded, history, openBrowser, seesSomebody, sockets } from './harness/browser.mjs';
import { button, knock, openBan, openDoor, order, screenshot } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { join, startPeerCalls } from './harness/peercalls.mjs';
import { eventually } from './harness/process.mjs';
import { Script } from './harness/script.mjs';

const knocking = ['standup', 'retro', 'review', 'planning', 'salon', 'garden'];
const rooms = [
  '[[room]]\nname = "open"',
  '[[room]]\nname = "vault"\nprivacy = "private"',
  ...knocking.map((name) => `[[room]]\nname = "${name}"\nprivacy = "private"\nenable_knocking = true`),
].join('\n');

let upstream;
let gateway;
let browser;
let everybody = [];

before(async () => {
  [upstream, browser] = await Promise.all([startPeerCalls(), openBrowser()]);
  gateway = await startGateway({ upstream: upstream.origin, rooms });
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
  await upstream?.stop();
});

const room = (name) => `${gateway.origin}/call/${name}`;
const nickname = (page) => page.getByPlaceholder('Nickname');

async function person(options) {
  const someone = await browser.person(options);
  everybody.push(someone);
  return someone;
}

/** Somebody by hand, with the session that `address` earns. */
async function script(address) {
  const someone = new Script(gateway.origin);
  everybody.push(someone);
  if (address) assert.equal((await someone.visits(address)).status, 200, `${address.split('?')[0]} did not let the test's own visitor in`);
  return someone;
}

/** A new person's page at an address: where it ended, with which status. */
async function visit(address) {
  const someone = await person();
  const page = await someone.page();
  const answer = await page.goto(address);
  return { someone, page, status: answer.status(), text: await page.locator('body').innerText() };
}

test('an owner enters by link, and neither address bar nor history holds the token', async () => {
  const link = await gateway.link('standup', '--owner', '--name', 'Ann');
  const { someone, page, status } = await visit(link);
  assert.equal(status, 200);
  await nickname(page).waitFor();
  assert.equal(page.url(), room('standup'));
  const addresses = await history(page);
  assert.ok(addresses.includes(room('standup')), `the history is not what the test thinks: ${addresses}`);
  assert.deepEqual(addresses.filter((address) => address.includes('t=')), []);
  assert.deepEqual(someone.requests.filter(({ referer }) => referer.includes('t=')), []);
});

test('a stranger knocks, the owner sees it at once and allows, and both see each other', async () => {
  const ann = await person();
  const meeting = await ann.page();
  await meeting.goto(await gateway.link('retro', '--owner', '--name', 'Ann'));
  await join(meeting, 'Ann');
  const door = await openDoor(ann, gateway.origin, 'retro');

  const { page: guest } = await visit(room('retro'));
  await guest.getByRole('heading', { name: 'Knock to come in' }).waitFor();
  assert.match(guest.url(), /\/_roomgate\/knock\?/);
  await screenshot(guest, 'knock');
  await knock(guest, 'Ben <b>Bold</b>');
  await button(door, 'Allow', 'Ben <b>Bold</b>').waitFor({ timeout: 2_000 });
  assert.equal(await door.locator('b').count(), 0, 'the name became markup');
  await screenshot(guest, 'waiting');
  await screenshot(door, 'door');

  await guest.reload();
  await guest.getByRole('heading', { name: 'You have knocked' }).waitFor();
  await button(door, 'Allow', 'Ben <b>Bold</b>').click();
  await guest.waitForURL(room('retro'));
  await join(guest, 'Ben');
  await Promise.all([seesSomebody(meeting, 'the owner'), seesSomebody(guest, 'the guest')]);
});

test('whoever is denied is told so, and is not inside', async () => {
  const ann = await person();
  await (await ann.page()).goto(await gateway.link('review', '--owner'));
  const door = await openDoor(ann, gateway.origin, 'review');
  const { page: guest } = await visit(room('review'));
  await knock(guest, 'Cid');
  await button(door, 'Deny', 'Cid').click();
  await guest.getByRole('heading', { name: 'Not this time' }).waitFor();
  await screenshot(guest, 'denied');
  await guest.goto(room('review'));
  assert.equal(await nickname(guest).count(), 0);
});

test('everybody who is refused is told what happened', async (t) => {
  const hour = Math.floor(Date.now() / 1000) + 3600;
  const link = await gateway.link('standup');
  const expired = gateway.forge('vault', { r: 'vault', exp: hour - 7200 });
  const cases = [
    ['private without knocking', room('vault'), [401, 403], 'This room is private', []],
    ['an unknown room', room('nowhere'), [404], 'There is no such room', []],
    ['an expired link', expired, [401, 403], 'This room is private', ['This link has expired']],
    ['a token by somebody else', gateway.forge('vault', { r: 'vault', o: true, exp: hour }, 'x'.repeat(64)), [401, 403], 'This room is private', ['not issued for this place']],
    ['a token that is none', `${room('vault')}?t=nonsense`, [401, 403], 'This room is private', ['damaged or incomplete']],
    ['a token of another room', link.replace('/standup', '/vault'), [401, 403], 'This room is private', ['for another room']],
    ['a bad token where one may knock', gateway.forge('planning', { r: 'planning', exp: hour }, 'x'.repeat(64)), [200, 401, 403], 'Knock to come in', ['not issued for this place']],
    ['a page that the server does not have', `${gateway.origin}/elsewhere`, [404], 'There is nothing here', []],
  ];
  for (const [name, address, statuses, heading, sentences] of cases) {
    await t.test(name, async () => {
      const { page, status, text } = await visit(address);
      assert.ok(statuses.includes(status), `the status was ${status}`);
      assert.ok(await page.getByRole('heading', { name: heading }).isVisible(), text);
      for (const sentence of sentences) assert.ok(text.includes(sentence), text);
      assert.doesNotMatch(page.url(), /[?&]t=/);
      if (name === 'an expired link') await screenshot(page, 'refused');
    });
  }
});

test('a public room lets anybody in', async () => {
  const { page } = await visit(room('open'));
  await nickname(page).waitFor();
});

for (const [what, barred, name] of [['Remove', 'salon', 'Dan'], ['Ban', 'garden', 'Eve']]) {
  test(`${what} ends the guest's socket within a second, and the guest cannot come back`, async () => {
    const ann = await person();
    await (await ann.page()).goto(await gateway.link(barred, '--owner', '--name', 'Ann'));
    const door = await openDoor(ann, gateway.origin, barred);
    const { page: guest } = await visit(room(barred));
    await knock(guest, name);
    await button(door, 'Allow', name).click();
    await guest.waitForURL(room(barred));
    await join(guest, name);
    await eventually('the guest to be on a WebSocket', async () => (await sockets(guest)).some(({ opened, closed }) => opened && !closed));

    if (what === 'Ban') await openBan(door, name);
    await button(door, what, name).waitFor();
    await sleep(1_000); // idle: nothing passes that could notice
    const sent = await order(door, what, name);
    const ended = await eventually('the end of the socket', async () => (await sockets(guest)).find(({ opened, closed }) => opened && closed));
    assert.equal(ended.code, 4403);
    assert.ok(ended.closed - sent <= 1_000, `it took ${ended.closed - sent} ms`);

    // Peer Calls' page tries again by itself, over polling and WebSocket.
    await sleep(3_000);
    assert.deepEqual((await sockets(guest)).filter(({ opened, closed }) => opened && !closed), []);
    const back = await guest.goto(room(barred));
    assert.equal(back.status(), 403);
    assert.equal(await nickname(guest).count(), 0);
  });
}

test('Remove ends a visit by long polling too', async () => {
  const ann = await person();
  await (await ann.page()).goto(await gateway.link('planning', '--owner', '--name', 'Ann'));
  const door = await openDoor(ann, gateway.origin, 'planning');
  const poller = await script(await gateway.link('planning', '--name', 'Poll'));
  const socket = poller.socket('polling');
  socket.ready('planning', 'poll-1');
  await eventually('the poller to be inside', () => socket.of('users').length > 0);
  const sent = await order(door, 'Remove', 'Poll');
  const [{ at }] = await eventually('the end of the poll', () => {
    const ends = socket.of('disconnect');
    return ends.length > 0 && ends;
  });
  assert.ok(at - sent <= 1_000, `it took ${at - sent} ms`);
  const again = poller.socket('polling');
  again.ready('planning', 'poll-2');
  await sleep(1_500);
  assert.deepEqual(again.of('users'), []);
});

for (const transport of ['polling', 'websocket']) {
  test(`over ${transport}, a public room's session opens no private room`, async () => {
    const inside = await script(await gateway.link('vault', '--name', 'Inside'));
    const friend = await script(await gateway.link('vault', '--name', 'Friend'));
    const victim = inside.socket('websocket');
    victim.ready('vault', `victim-${transport}`);
    await eventually('the victim to be inside', () => victim.of('users').length === 1);
    const helper = friend.socket(transport);
    helper.ready('vault', `friend-${transport}`);
    await eventually('the victim to see a friend come', () => victim.of('users').length === 2);
    helper.signal(`victim-${transport}`, 'from a friend');
    await eventually('the victim to hear a friend', () => victim.of('signal').length === 1);

    const stranger = await script(room('open'));
    // Control: the same session and transport do join the room they are for.
    const honest = stranger.socket(transport);
    honest.ready('open', `honest-${transport}`);
    await eventually('the public room to be open', () => honest.of('users').length === 1);

    // At once; as a second room; by a name that the server may read in another way.
    const attempts = ['vault', 'vault', '%76ault', 'vault ', ['vault'], { room: 'vault' }].map((asked, at) => {
      const socket = stranger.socket(transport);
      if (at === 1) socket.ready('open', `attacker-${transport}-${at}`);
      socket.ready(asked, `attacker-${transport}-${at}`);
      return socket;
    });
    // Without joining, and from where they are, to somebody who is inside.
    const mute = stranger.socket(transport);
    mute.signal(`victim-${transport}`, 'from outside');
    honest.signal(`victim-${transport}`, 'from the public room');
    // Without any session.
    const nobody = await script();
    const bare = nobody.socket(transport);
    bare.ready('vault', `bare-${transport}`);
    bare.signal(`victim-${transport}`, 'from nobody');

    await sleep(2_000);
    assert.equal(victim.of('users').length, 2, `the victim saw somebody come: ${JSON.stringify(victim.of('users').at(-1))}`);
    assert.deepEqual(victim.of('signal').map(({ what }) => what.signal.said), ['from a friend']);
    for (const [at, socket] of [...attempts, mute, bare].entries()) {
      const seen = JSON.stringify(socket.of('users'));
      assert.ok(!seen.includes('victim-') && !seen.includes('friend-'), `attempt ${at} saw who is inside: ${seen}`);
    }
  });

  test(`over ${transport}, taking somebody's user id in a public room does not divert what is said to them`, async () => {
    const inside = await script(await gateway.link('vault'));
    const friend = await script(await gateway.link('vault'));
    const victim = inside.socket('websocket');
    victim.ready('vault', `taken-${transport}`);
    await eventually('the victim to be inside', () => victim.of('users').length === 1);
    const helper = friend.socket('websocket');
    helper.ready('vault', `speaker-${transport}`);
    await eventually('the friend to be inside', () => helper.of('users').length === 1);

    const thief = (await script(room('open'))).socket(transport);
    thief.ready('open', `taken-${transport}`);
    await sleep(1_000);
    helper.signal(`taken-${transport}`, 'for the victim only');
    await sleep(1_000);
    assert.deepEqual(thief.of('signal'), []);
    assert.deepEqual(victim.of('signal').map(({ what }) => what.signal.said), ['for the victim only']);
  });
}

test('the cookie alone is enough: after a reload, in a second tab, after a restart of the gateway', async () => {
  const { someone, page } = await visit(await gateway.link('vault', '--name', 'Fay'));
  await nickname(page).waitFor();
  await page.reload();
  await nickname(page).waitFor();
  const second = await someone.page();
  await second.goto(room('vault'));
  await nickname(second).waitFor();
  await gateway.restart();
  await page.goto(room('vault'));
  await join(page, 'Fay');
  await eventually('her socket to be admitted', async () => (await sockets(page)).some(({ opened, closed }) => opened && !closed));
  // Control: it is the cookie, not the restart, that opens the door.
  assert.ok([401, 403].includes((await visit(room('vault'))).status));
});

test('a stranger alone in the public room sees nobody of a private one', async () => {
  const ann = await person();
  const meeting = await ann.page();
  await meeting.goto(await gateway.link('vault'));
  await join(meeting, 'Ann');
  const { page } = await visit(room('open'));
  await join(page, 'Gus');
  await sleep(4_000);
  assert.equal(await framesDecoded(page), 0);
});

test('no token was ever seen by the server behind, or written to any log', async () => {
  const said = gateway.said();
  const seen = upstream.everything();
  assert.ok(gateway.minted.length > 10 && seen.includes('/call/retro') && /debug/i.test(said), 'the test has nothing to look at');
  for (const token of gateway.minted) {
    // Payload and signature each by themselves: half a token in a log is too much.
    for (const part of [token, ...token.split('.').slice(1)]) {
      assert.ok(!seen.includes(part), 'a token reached the server behind');
      assert.ok(!said.includes(part), 'a token is in the log');
    }
  }
  assert.doesNotMatch(seen, /[?&]t=/i);
  // Nor the gateway's own cookies.
  assert.doesNotMatch(seen, /roomgate-[^\r\n]*=/);
});
