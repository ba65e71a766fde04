// Can somebody with a ticket for the public room get anything of the private one? Every way in is first tried on Jitsi without the gateway.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Attacker } from './harness/attacker.mjs';
import { startGateway } from './harness/gateway.mjs';
import { startJitsi } from './harness/jitsi.mjs';
import { eventually } from './harness/process.mjs';
import { Script } from './harness/script.mjs';
import { seatVictim, room, tells } from './harness/victim.mjs';
import { Bosh, iq, join, login, say, stanzas, Wire } from './harness/xmpp.mjs';
import bosh from './hostile/bosh.mjs';
import components from './hostile/components.mjs';
import frames from './hostile/frames.mjs';
import handshakes from './hostile/handshakes.mjs';
import people from './hostile/people.mjs';
import requests from './hostile/requests.mjs';
import spellings from './hostile/spellings.mjs';
import xml from './hostile/xml.mjs';

const cases = [...spellings, ...xml, ...frames, ...bosh, ...components, ...people, ...handshakes, ...requests];
const atOnce = 8;
const publicRoom = 'public@conference.localhost';

/**
 * Tries all cases at a door, some at once; `ticket` makes what a new visitor of the public room holds. What came of each: '' for nothing,
 * else what was seen or got. `strict` takes whatever the victim saw, or the focus was asked, for the doing of those who were trying.
 */
async function tryAll({ jitsi, port, ticket, victim, context, strict }) {
  const found = [];
  const waiting = cases.map((one, at) => ({ one, at }));
  while (waiting.length > 0) await tryTogether(waiting.splice(0, atOnce), 150);
  // On a busy machine a way in may take longer than anybody waited: one that is known is tried again, alone and with patience.
  const missed = strict ? [] : cases.map((one, at) => ({ one, at })).filter(({ one, at }) => one.bare === 'works' && !found[at]);
  for (const trial of missed) await tryTogether([trial], 2_000);
  return found;

  async function tryTogether(batch, patience) {
    const [newsBefore, askedBefore] = [victim.news().length, jitsi.focus.asked.length];
    await Promise.all(batch.map(async (trial) => {
      trial.eve = new Attacker(port, await ticket(), `eve-${trial.at}-${patience === 150 ? '' : 'again-'}`);
      trial.got = await trial.one.run(trial.eve, context).catch((error) => { trial.broken = error; });
    }));
    await sleep(patience);
    await victim.barrier();
    victim.say();
    await victim.barrier();
    await sleep(50);
    const news = victim.news().slice(newsBefore);
    const asked = jitsi.focus.asked.slice(askedBefore).filter(({ said, room: what }) => what !== publicRoom || (strict && /private/i.test(said)));
    for (const trial of batch) trial.came = judge(trial, { victim, news, asked });
    if (strict && !batch.some(({ came }) => came) && news.length + asked.length > 0) {
      for (const trial of batch) trial.came = `one of ${batch.length}: ${JSON.stringify([news, asked])}`;
    }
    for (const { at, eve, came } of batch) {
      found[at] = came;
      eve.leave();
    }
  }
}

function judge({ eve, got, broken }, { victim, news, asked }) {
  if (broken) return `broken: ${broken.stack}`;
  const users = eve.jids.map((jid) => jid.split('/')[0]);
  const seen = news.find((text) => text.includes(eve.mark) || users.some((user) => text.includes(user)));
  if (seen) return `the victim saw ${seen}`;
  const wanted = asked.find(({ said }) => said.includes(eve.mark));
  if (wanted) return `the focus was asked ${wanted.said}`;
  const heard = eve.heard.find((text) => tells(victim, text));
  if (heard) return `the attacker heard ${heard}`;
  return got === true ? 'the answer tells of the room' : '';
}

let friends = 0;
/** Somebody inside the private room, by a door: a `Wire` or a `Bosh` session. */
async function enter(port, headers, door, { resume = false, path = '' } = {}) {
  friends += 1;
  const goal = join(`${room}/friend-${friends}`);
  if (door === 'bosh') {
    const session = new Bosh({ port, headers, path: `/http-bind${path}` });
    await session.login();
    assert.match(await session.send(goal), /code='110'/, 'a friend could not go in');
    return session;
  }
  const wire = await Wire.open({ port, headers, path: `/xmpp-websocket${path}` });
  await login(wire, { resume });
  wire.send(goal);
  assert.ok(await wire.until(/code='110'/), 'a friend could not go in');
  return wire;
}

test('the table names every case once, and most of them are dangerous', () => {
  const names = cases.map(({ family, door, name }) => `${family}, ${door}: ${name}`);
  assert.deepEqual(names.filter((name, at) => names.indexOf(name) !== at), []);
  assert.ok(cases.length >= 130, `${cases.length} cases`);
  assert.ok(cases.filter(({ bare }) => bare === 'works').length >= 60);
});

describe('without the gateway', () => {
  let jitsi;
  let victim;
  let found;
  before(async () => {
    jitsi = await startJitsi();
    victim = await seatVictim(jitsi.prosody.http);
    const [{ port }, ticket] = [jitsi.web, { Origin: jitsi.origin }];
    const friend = (door, more) => enter(port, ticket, door, { ...more, path: '?room=private' });
    const insider = (door, more) => enter(jitsi.prosody.http, {}, door, more);
    const context = { victim, friend, insider, insiderTicket: ticket };
    found = await tryAll({ jitsi, port, ticket: () => ticket, victim, context, strict: false });
  });
  after(async () => {
    victim?.leave();
    await jitsi?.stop();
  });

  for (const [at, { family, door, name, bare }] of cases.entries()) {
    test(`${family}, ${door}: ${name} is ${bare === 'works' ? 'a way in' : 'harmless'}`, () => {
      assert.doesNotMatch(found[at], /^broken/);
      assert.equal(found[at] ? 'works' : 'harmless', bare, found[at]);
    });
  }
});

describe('through the gateway', () => {
  let jitsi;
  let gateway;
  let victim;
  let found;
  let port;
  let insiderTicket;
  let friend;

  async function visitor(address) {
    const script = new Script(gateway.origin);
    assert.equal((await script.visits(address)).status, 200, `${address.split('?')[0]} did not let the test's own visitor in`);
    return { Cookie: script.cookie, Origin: gateway.origin };
  }
  const stranger = () => visitor(`${gateway.origin}/public`);

  before(async () => {
    jitsi = await startJitsi();
    gateway = await startGateway({ ...jitsi.gateway, rooms: '[[room]]\nname = "public"\n[[room]]\nname = "private"\nprivacy = "private"' });
    port = Number(new URL(gateway.origin).port);
    victim = await seatVictim(jitsi.prosody.http);
    insiderTicket = await visitor(await gateway.link('private', '--name', 'Friend'));
    friend = (door, more) => enter(port, insiderTicket, door, { ...more, path: '?room=private' });
    const insider = (door, more) => enter(jitsi.prosody.http, {}, door, more);
    found = await tryAll({ jitsi, port, ticket: stranger, victim, context: { victim, friend, insider, insiderTicket }, strict: true });
  });
  after(async () => {
    victim?.leave();
    await gateway?.stop();
    await jitsi?.stop();
  });

  for (const [at, { family, door, name }] of cases.entries()) {
    test(`${family}, ${door}: ${name} gets nothing`, () => assert.equal(found[at], ''));
  }

  // Controls: the doors are open to those who come honestly, or all that was tried has met a wall.
  for (const door of ['ws', 'bosh']) {
    test(`over ${door}, the same visitor goes into the public room and is heard there`, async () => {
      const eve = new Attacker(port, await stranger(), `honest-${door}`);
      const other = await enterPublic(door);
      const speaker = await eve.says(door, join(`${publicRoom}/${eve.mark}`), say(publicRoom, `hello over ${door}`));
      await eventually('the other to hear it', async () => {
        if (door === 'bosh') await other.send('', { within: 300 });
        return other.heard.some((text) => text.includes(`hello over ${door}`) && text.includes(`${publicRoom}/${eve.mark}`));
      }, { within: 5_000 });
      assert.ok(speaker.heard.some((text) => /code='110'/.test(text)), 'the speaker was not told to be inside');
    });

    test(`over ${door}, somebody with a link for the private room goes into it, and the victim sees it`, async () => {
      const before = victim.news().length;
      await friend(door);
      await eventually('the victim to see a friend', () => victim.heard().some((text) => text.includes(`${room}/friend-${friends}`)), { within: 5_000 });
      assert.equal(victim.news().length, before);
    });
  }

  async function enterPublic(door) {
    const one = new Attacker(port, await stranger(), `listener-${door}`);
    return one.says(door, join(`${publicRoom}/${one.mark}`));
  }

  test('the conference request for the public room reaches the focus by stanza and by POST', async () => {
    const eve = new Attacker(port, await stranger(), 'honest-asking');
    const ask = `<conference xmlns="http://jitsi.org/protocol/focus" room="${publicRoom}" machine-uid="${eve.mark}"/>`;
    const wire = await eve.says('ws', iq('focus.localhost', 'ask', ask, 'set'));
    assert.ok(await wire.until(/ready=['"]true/), 'no answer to the stanza');
    const answer = await eve.ask('POST', '/conference-request/v1?room=public', { headers: { 'Content-Type': 'application/json' }, body: `{"room":"${publicRoom}","machineUid":"${eve.mark}"}` });
    assert.equal(answer?.status, 200);
    assert.equal(answer.body.includes('"ready":true'), true);
    assert.deepEqual(jitsi.focus.asked.filter(({ said }) => said.includes(eve.mark)).map(({ by }) => by), ['stanza', 'post']);
  });

  test('nothing of what was tried has even reached Prosody under the private room’s name', () => {
    const addressed = ({ attrs }) => /private@/i.test(attrs.to ?? '');
    const said = jitsi.recorded.prosody.requests.map((entry) => entry.text().split('\r\n\r\n').slice(1).join(''));
    const reached = said.flatMap(stanzas).filter((one) => addressed(one) && one.toString().includes('eve-')).map(String);
    assert.deepEqual(reached, []);
    assert.ok(jitsi.recorded.prosody.everything().includes(`${room}/friend-`), 'the recorder has seen nothing');
  });
});
