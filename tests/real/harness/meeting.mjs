// What do real clients do in a meeting? lib-jitsi-meet and converse.js in a page, @xmpp/client without one.

import { client, xml } from '@xmpp/client';
import { WebSocket } from 'ws';

import { eventually } from './process.mjs';

/** In a page of Jitsi's: joins by lib-jitsi-meet. What `options` may hold is told in jitsi/page.js. */
export async function meet(page, options = {}) {
  await page.waitForFunction(() => window.meet && window.JitsiMeetJS);
  await page.evaluate((given) => window.meet(given), options);
}

/** The library's events in this page so far, `{ name, details, at }`, or those of one name. */
export const events = (page, name) => page.evaluate((wanted) => window.events.filter((one) => !wanted || one.name === wanted), name);

/** Waits for an event of the library; the first that came since the page was loaded, or since `after` (milliseconds). */
export async function event(page, name, { within = 10_000, after = 0 } = {}) {
  try {
    return await eventually(name, async () => (await events(page, name)).find(({ at }) => at >= after), { within });
  } catch (error) {
    throw new Error(`${error.message}; there were: ${JSON.stringify(await events(page))}`);
  }
}

/** Joins and waits until it is inside. */
export async function joins(page, options) {
  await meet(page, options);
  await event(page, 'conference.joined');
}

export const speak = (page, text) => page.evaluate((said) => window.conference.sendTextMessage(said), text);
/** Everything that was said in the meeting, as this page heard it. */
export const heard = (page) => page.evaluate(() => window.said);
/** How many others this page sees in the meeting. */
export const others = (page) => page.evaluate(() => window.conference.getParticipants().map((one) => one.getId()));

export async function hears(page, text, within = 5_000) {
  await eventually(`${JSON.stringify(text)} to be heard`, async () => (await heard(page)).includes(text), { within });
}

/** @xmpp/client, online: `{ xmpp, heard, stop }`; `heard` are the stanzas that came. */
export async function xmppClient(origin, { path = '/xmpp-websocket?room=public', headers = {}, domain = 'localhost' } = {}) {
  const service = `${origin.replace(/^http/, 'ws')}${path}`;
  // The library takes the constructor that is there, and gives it no headers.
  const before = globalThis.WebSocket;
  globalThis.WebSocket = class extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers });
    }
  };
  try {
    const xmpp = client({ service, domain });
    xmpp.reconnect.stop();
    const all = [];
    xmpp.on('stanza', (stanza) => all.push(stanza));
    xmpp.on('error', () => {});
    await xmpp.start();
    // It forgets what came before it has read `<enabled/>`, and would acknowledge too little for ever.
    await eventually('stream management', () => xmpp.streamManagement.enabled);
    return { xmpp, heard: all, stop: () => xmpp.stop().catch(() => {}) };
  } finally {
    globalThis.WebSocket = before;
  }
}

/** Goes into a room with @xmpp/client; what came of it: `{ inside, error }`. */
export async function enters({ xmpp, heard: all }, room, nick) {
  const to = `${room}/${nick}`;
  await xmpp.send(xml('presence', { to }, xml('x', { xmlns: 'http://jabber.org/protocol/muc' })));
  const answer = await eventually(`an answer from ${to}`, () => all.find((one) => one.is('presence') && one.attrs.from === to), { within: 5_000 });
  return { inside: answer.attrs.type !== 'error', error: answer.getChild('error') };
}

/** Whether the stream of @xmpp/client is alive, and the server behind it. */
export async function answersPing({ xmpp }) {
  const answer = await xmpp.iqCaller.request(xml('iq', { type: 'get', to: 'localhost' }, xml('ping', 'urn:xmpp:ping')), 3_000).catch((error) => error);
  return answer?.attrs?.type === 'result' && xmpp.status === 'online';
}
