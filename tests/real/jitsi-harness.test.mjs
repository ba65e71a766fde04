// Can the tests of Jitsi be believed? Real clients meet in a real Prosody without any gateway, and the recorders see it.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { openBrowser } from './harness/browser.mjs';
import { startJitsi } from './harness/jitsi.mjs';
import { answersPing, enters, event, events, hears, joins, meet, speak, xmppClient } from './harness/meeting.mjs';
import { eventually } from './harness/process.mjs';
import { login, join, sm, Wire } from './harness/xmpp.mjs';

let jitsi;
let browser;
let everybody = [];

before(async () => {
  [jitsi, browser] = await Promise.all([startJitsi(), openBrowser()]);
});
afterEach(async () => {
  await Promise.all(everybody.map((one) => one.leave()));
  everybody = [];
});
after(async () => {
  await browser?.close();
  await jitsi?.stop();
});

async function visit(path) {
  const someone = await browser.person();
  everybody.push(someone);
  const page = await someone.page();
  await page.goto(`${jitsi.origin}${path}`);
  return page;
}

for (const transport of ['ws', 'bosh']) {
  test(`over ${transport}, two people join by lib-jitsi-meet and hear each other`, async () => {
    const [ann, ben] = [await visit(`/talk-${transport}`), await visit(`/talk-${transport}`)];
    await joins(ann, { transport, name: 'Ann' });
    await joins(ben, { transport, name: 'Ben' });
    await event(ann, 'conference.userJoined');
    await speak(ann, 'hello Ben');
    await hears(ben, 'hello Ben');
    await speak(ben, 'hello Ann');
    await hears(ann, 'hello Ann');
    assert.ok(jitsi.focus.asked.some(({ room }) => room === `talk-${transport}@conference.localhost`), 'the focus was not asked');
  });
}

test('lib-jitsi-meet resumes over WebSocket, and nobody sees a leave', async () => {
  const [ann, ben] = [await visit('/resume'), await visit('/resume')];
  await joins(ann);
  await joins(ben);
  await event(ann, 'conference.userJoined');
  await ben.evaluate(() => window.connection.xmpp.connection.closeWebsocket());
  await speak(ann, 'are you there?');
  await hears(ben, 'are you there?', 15_000);
  assert.deepEqual(await events(ann, 'conference.userLeft'), []);
  assert.match(jitsi.web.requests.map(({ target }) => target).join('\n'), /previd=/);
});

test('lib-jitsi-meet tells when Prosody does not let somebody in', async () => {
  const wire = await Wire.open({ port: jitsi.prosody.http });
  await login(wire);
  wire.send(join('locked@conference.localhost/owner'));
  await wire.until(/code='110'/);
  wire.send('<iq to="locked@conference.localhost" type="set" id="lock" xmlns="jabber:client"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">'
    + '<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var="muc#roomconfig_roomsecret"><value>open</value></field></x></query></iq>');
  await wire.until(/id='lock'/);
  const page = await visit('/locked');
  await meet(page);
  const { details } = await event(page, 'conference.failed');
  assert.equal(details[0], 'conference.passwordRequired');
  wire.cut();
});

test('converse.js joins and shows who is there', async () => {
  const wire = await Wire.open({ port: jitsi.prosody.http });
  await login(wire);
  wire.send(join('chat@conference.localhost/somebody-else'));
  const page = await visit('/chat?client=converse&nick=conny');
  assert.ok(await wire.until(/from='chat@conference\.localhost\/conny'/, { within: 15_000 }), 'converse.js did not come');
  await page.getByText('somebody-else').first().waitFor();
  wire.cut();
});

test('@xmpp/client joins, and goes on', async () => {
  const one = await xmppClient(jitsi.origin);
  everybody.push({ leave: one.stop });
  assert.equal((await enters(one, 'node@conference.localhost', 'nora')).inside, true);
  assert.equal((await enters(one, 'another@conference.localhost', 'nora')).inside, true);
  assert.equal(await answersPing(one), true);
});

test('a session that was cut is resumed by a raw client too, with its counters', async () => {
  const port = jitsi.web.port;
  const first = await Wire.open({ port });
  await login(first, { resume: true });
  first.send(join('counted@conference.localhost/cora'));
  await first.until(/code='110'/);
  first.cut();
  const second = await Wire.open({ port, path: `/xmpp-websocket?previd=${first.session}` });
  const steps = ['<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="localhost" version="1.0"/>', '<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>'];
  for (const [step, expected] of [[steps[0], /ANONYMOUS/], [steps[1], /<success/], [steps[0], /<bind/], [`<resume xmlns="${sm}" previd="${first.session}" h="0"/>`, /<resumed/]]) {
    second.send(step);
    assert.ok(await second.until(expected), second.heard.join('\n'));
  }
  assert.match(await second.until(/<resumed/), /h='1'/);
  assert.ok(await second.until(/code='110'/), 'what was not acknowledged did not come again');
  second.cut();
});

test('the recorders have read it all', async () => {
  const port = jitsi.recorded.prosody.port;
  const wire = await Wire.open({ port, path: '/xmpp-websocket?token=needle-1' });
  await login(wire);
  wire.send(join('needle@conference.localhost/needle-2'));
  await wire.until(/code='110'/);
  await eventually('the needles', () => ['needle-1', 'needle-2'].every((needle) => jitsi.everything().includes(needle)));
  wire.cut();
});
