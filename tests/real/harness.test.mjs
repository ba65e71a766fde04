// Can the tests beside this one be believed? Two people meet in Peer Calls without any gateway, and the recorder sees it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import io from 'socket.io-client';

import { openBrowser, framesDecoded, seesSomebody } from './harness/browser.mjs';
import { join, startPeerCalls } from './harness/peercalls.mjs';
import { eventually } from './harness/process.mjs';

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startPeerCalls(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('two people see each other, somebody alone sees nobody, and the recorder has read the room off the wire', async () => {
  const [ann, ben, zoe] = await Promise.all([0, 1, 2].map(() => browser.person()));
  const pages = await Promise.all([ann, ben, zoe].map((person) => person.page()));
  const rooms = ['together', 'together', 'alone'];
  await Promise.all(pages.map((page, at) => page.goto(`${server.origin}/call/${rooms[at]}`)));
  for (const [at, page] of pages.entries()) await join(page, `person ${at}`);

  await Promise.all([seesSomebody(pages[0], 'Ann'), seesSomebody(pages[1], 'Ben')]);
  assert.equal(await framesDecoded(pages[2]), 0, 'somebody alone in a room saw a picture');
  assert.match(server.everything(), /42\["ready",\{"room":"together"/);
  assert.match(server.everything(), /GET \/call\/alone HTTP\/1\.1/);
  await Promise.all([ann, ben, zoe].map((person) => person.leave()));
});

for (const transport of ['polling', 'websocket']) {
  test(`the recorder reads what a client says over ${transport}, long messages too`, async () => {
    const socket = io(server.origin, { path: '/ws', transports: [transport], forceNew: true, reconnection: false });
    const word = `a needle over ${transport} `;
    socket.emit('ready', { room: 'raw', userId: `raw-${transport}` });
    socket.emit('signal', { userId: 'nobody', signal: word.repeat(200) + 'its end' });
    await eventually('the message at the recorder', () => server.everything().includes(`${word}its end`));
    socket.close();
  });
}
