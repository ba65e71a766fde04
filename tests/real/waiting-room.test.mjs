// Do the stories come true that people tell of waiting rooms? Two to four browsers at once, a real Peer Calls behind the gateway.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { openBrowser, sockets } from './harness/browser.mjs';
import { button, knock, openBan, openDoor } from './harness/door.mjs';
import { startGateway } from './harness/gateway.mjs';
import { join, startPeerCalls } from './harness/peercalls.mjs';
import { eventually } from './harness/process.mjs';

const names = ['skips', 'nobody', 'two', 'remember', 'refuse', 'ban', 'lasting', 'changes'];
const now = Math.floor(Date.now() / 1000);
const rooms = [
  ...names.map((name) => `[[room]]\nname = "${name}"\nprivacy = "private"\nenable_knocking = true`),
  '[[room]]\nname = "everyone"\nprivacy = "private"\nwaiting_room = "everyone"',
  '[[room]]\nname = "guests"\nwaiting_room = "guests"',
  '[[room]]\nname = "mconf"\nprivacy = "private"',
  '[[room]]\nname = "small"\nprivacy = "private"\nenable_knocking = true\nmax_participants = 2',
  `[[room]]\nname = "soon"\nnbf = ${now + 15}`,
].join('\n');

let upstream;
let gateway;
let browser;
let everybody = [];

before(async () => {
  [upstream, browser] = await Promise.all([startPeerCalls(), openBrowser()]);
  gateway = await startGateway({ upstream: upstream.origin, rooms, more: '[meeting]\ngrace = "3s"\npresence = "2s"\n' });
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

const address = (room) => `${gateway.origin}/call/${room}`;
const heading = (page, name) => page.getByRole('heading', { name });
const nickname = (page) => page.getByPlaceholder('Nickname');

/** A new person before a page. */
async function opens(where, options) {
  const someone = await browser.person(options);
  everybody.push(someone);
  const page = await someone.page();
  await page.goto(where);
  return { someone, page };
}

/** An owner who is in the meeting, and has the console beside it. */
async function owner(room, name = 'Ann') {
  const { someone, page } = await opens(await gateway.link(room, '--owner', '--name', name));
  await join(page, name);
  return { someone, page, door: await openDoor(someone, gateway.origin, room) };
}

/** A stranger who has come to the door. */
async function stranger(room) {
  const { someone, page } = await opens(address(room));
  await heading(page, 'Knock to come in').waitFor();
  return { someone, page };
}

const isIn = async (page, room) => {
  await page.waitForURL(address(room));
  await nickname(page).waitFor();
};

test('a room that opens in a moment counts down and lets in by itself', async () => {
  const { page } = await opens(address('soon'));
  await page.locator('main[data-code="room-not-open"]').waitFor();
  await page.waitForURL(address('soon'));
  await nickname(page).waitFor({ timeout: 40_000 });
});

test('whoever has a link skips the lobby, owner or not; whoever has none does not, and only owners see them', async () => {
  const { door } = await owner('skips');
  const { page: guest } = await opens(await gateway.link('skips', '--name', 'Bea'));
  await isIn(guest, 'skips');
  const answer = await guest.goto(`${gateway.origin}/_roomgate/door?room=skips`);
  assert.equal(answer.status(), 403, 'a guest with a token decides about nobody');
  const { page: visitor } = await stranger('skips');
  await knock(visitor, 'Cid');
  await button(door, 'Allow', 'Cid').waitFor();
});

test('knocking with nobody home: the visitor is told so, and the owner who comes later sees them at once', async () => {
  const { page: visitor } = await stranger('nobody');
  await visitor.getByRole('textbox', { name: /few words|message/i }).fill('It is about the garden');
  await knock(visitor, 'Cid');
  await visitor.getByText('Nobody who can open is here yet.').waitFor();
  const { door } = await owner('nobody');
  await button(door, 'Allow', 'Cid').waitFor();
  await door.getByText('It is about the garden').waitFor();
  await visitor.getByText('Nobody who can open is here yet.').waitFor({ state: 'hidden', timeout: 5_000 });
  await heading(visitor, 'You have knocked').waitFor();
  assert.match(visitor.url(), /\/_roomgate\/knock/, 'that an owner has come lets nobody in');
  await button(door, 'Allow', 'Cid').click();
  await isIn(visitor, 'nobody');
});

test('two owners answer at once: one answer counts, and both see whose', async () => {
  const [ann, bob] = [await owner('two', 'Ann'), await owner('two', 'Bob')];
  const { page: visitor } = await stranger('two');
  await knock(visitor, 'Cid');
  await Promise.all([ann, bob].map(({ door }) => button(door, 'Allow', 'Cid').waitFor()));
  // Pressed in the same instant: a row of somebody who was answered is gone before a careful hand gets there.
  const press = (door, what) => button(door, what, 'Cid').evaluate((pressed) => pressed.click());
  await Promise.all([press(ann.door, 'Allow'), press(bob.door, 'Deny')]);
  const outcome = await Promise.any([
    isIn(visitor, 'two').then(() => 'let in by Ann'),
    heading(visitor, 'Not this time').waitFor().then(() => 'turned away by Bob'),
  ]);
  for (const { door } of [ann, bob]) {
    await door.locator('[data-recent]').getByText('Cid').waitFor();
    const told = await door.locator('[data-recent] li').first().innerText();
    assert.equal(told.replace(/\s+/g, ' '), `Cid ${outcome}`, 'both see one truth');
  }
});

test('allow everyone and remember, then three more arrive; asked again afterwards', async () => {
  const { door } = await owner('remember');
  const first = await stranger('remember');
  await knock(first.page, 'First');
  await button(door, 'Allow', 'First').waitFor();
  await door.getByRole('checkbox').first().check();
  await door.getByRole('button', { name: 'Allow everyone' }).click();
  await isIn(first.page, 'remember');
  await door.locator('[data-choice]').waitFor();
  for (let number = 0; number < 3; number += 1) await isIn((await opens(address('remember'))).page, 'remember');
  await door.locator('[data-choice] button').click();
  await door.locator('[data-choice]').waitFor({ state: 'hidden' });
  await first.page.reload();
  await isIn(first.page, 'remember');
  await stranger('remember');
});

test('deny everyone: all are told that it was a choice, and may knock again after a while', async () => {
  const { door } = await owner('refuse');
  const visitors = await Promise.all(['Cid', 'Dee'].map(async (name) => {
    const { page } = await stranger('refuse');
    await knock(page, name);
    return page;
  }));
  await Promise.all(['Cid', 'Dee'].map((name) => button(door, 'Deny', name).waitFor()));
  await door.getByRole('button', { name: 'Deny everyone' }).click();
  for (const visitor of visitors) {
    await heading(visitor, 'Not this time').waitFor();
    await visitor.getByText('Nothing is broken').waitFor();
    assert.ok(await visitor.getByRole('button', { name: 'Knock again' }).isDisabled(), 'not at once');
  }
});

test('banned, again in the same browser, and welcome when the meeting has ended', async () => {
  const { someone, door } = await owner('ban');
  const visitor = await stranger('ban');
  await knock(visitor.page, 'Cid');
  await button(door, 'Allow', 'Cid').click();
  await isIn(visitor.page, 'ban');
  await join(visitor.page, 'Cid');
  await openBan(door, 'Cid');
  await door.getByRole('button', { name: /Ban.*Cid/ }).first().click();
  await eventually('their socket ends', async () => (await sockets(visitor.page)).some(({ code }) => code === 4403));
  const answer = await visitor.page.goto(address('ban'));
  assert.equal(answer.status(), 403);
  await visitor.page.getByText(/banned|not let you|keeps? you out/i).first().waitFor();
  await door.getByText('Cid').last().waitFor();

  // Everybody goes; after the grace the meeting is over, and what held for it as well.
  await someone.leave();
  everybody = everybody.filter((one) => one !== someone);
  await eventually('the next meeting', async () => {
    await visitor.page.goto(address('ban'));
    return visitor.page.url().includes('/_roomgate/knock');
  }, { within: 20_000, every: 500 });
  await heading(visitor.page, 'Knock to come in').waitFor();
});

test('everyone waits, registered or not; moved back to wait, and in again', async () => {
  const { door } = await owner('everyone');
  const { page: bea } = await opens(await gateway.link('everyone', '--name', 'Bea', '--user', '7'));
  await heading(bea, 'Knock to come in').waitFor();
  await knock(bea, 'Bea');
  await button(door, 'Allow', 'Bea').click();
  await isIn(bea, 'everyone');
  await join(bea, 'Bea');
  await button(door, 'Move to waiting room', 'Bea').or(button(door, 'Move to the waiting room', 'Bea')).click();
  await eventually('her socket ends', async () => (await sockets(bea)).some(({ code }) => code === 4408));
  await bea.goto(address('everyone'));
  await heading(bea, 'Back in the waiting room').waitFor();
  await button(door, 'Allow', 'Bea').click();
  await isIn(bea, 'everyone');
});

test('guests wait in a public room too, and invited people do not', async () => {
  await stranger('guests');
  const { page } = await opens(await gateway.link('guests', '--name', 'Bea'));
  await isIn(page, 'guests');
});

test('a moderator with a guest token waits like everybody, and enters as a moderator', async () => {
  const { door } = await owner('mconf');
  const { someone, page: grace } = await opens(await gateway.link('mconf', '--owner', '--guest', '--name', 'Grace'));
  await heading(grace, 'Knock to come in').waitFor();
  const shut = await (await someone.page()).goto(`${gateway.origin}/_roomgate/door?room=mconf`);
  assert.notEqual(shut.status(), 200, 'whoever waits decides about nobody');
  await knock(grace, 'Grace');
  await button(door, 'Allow', 'Grace').click();
  await isIn(grace, 'mconf');
  await openDoor(someone, gateway.origin, 'mconf');
});

test('let in, but every place is taken: in as soon as somebody leaves', async () => {
  const { door } = await owner('small');
  const second = await opens(await gateway.link('small', '--name', 'Bea'));
  await join(second.page, 'Bea');
  await button(door, 'Remove', 'Bea').waitFor();
  const { page: third } = await stranger('small');
  await knock(third, 'Cid');
  await button(door, 'Allow', 'Cid').click();
  await heading(third, 'The room is full').waitFor();
  await second.someone.leave();
  everybody = everybody.filter((one) => one !== second.someone);
  await third.waitForURL(address('small'), { timeout: 30_000 });
  await nickname(third).waitFor();
});
