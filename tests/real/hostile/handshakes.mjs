// What does the address of a socket allow? Other rooms, several rooms, other paths, other pages, and sessions of others.

import { join, open, sasl, sm } from '../harness/xmpp.mjs';

const socket = '/xmpp-websocket';
const goesIn = (path, more = {}) => async (eve) => { (await eve.ws({ path, ...more })).send(join(eve.goal)); };

const paths = ['/a/b/c/xmpp-websocket', '/a%2fxmpp-websocket', '/t/xmpp-websocketANYTHING', '/private/%2e%2e/xmpp-websocket', '//xmpp-websocket', '/xmpp-websocket/',
  '/xmpp-websocket/x', '/static/../xmpp-websocket', '/libs/..%2fxmpp-websocket', '/%78mpp-websocket', '/private/xmpp-websocket', '/xmpp-websocket;room=private', '/colibri-ws/../xmpp-websocket',
  '/colibri-ws/a/b/c/xmpp-websocket', '/_roomgate/../xmpp-websocket', '/xmpp%2dwebsocket', '/./xmpp-websocket', '/http-bind/xmpp-websocket', '/t//xmpp-websocket'];

const queries = ['room=private', 'room=public&room=private', 'room=private&room=public', 'room=public&prefix=private', 'room=public&prefix=x&prefix=y', 'room=%70rivate', 'room=PRIVATE', 'room=public%26room=private',
  'room[]=private&room=public', 'room=public;room=private', 'ROOM=private&room=public', 'r%6fom=private', 'room=public%00private', 'room=', '', 'room=public&vnode=v1', 'room=public&customusername=x', 'room=public&token=x', 'room=public&t=x'];

/** Comes back as somebody else: `address` has `{id}` where the id of the session goes. */
async function returns(eve, wire, id, { resume = id } = {}) {
  for (const [said, expected] of [[open(), /ANONYMOUS/], [`<auth xmlns="${sasl}" mechanism="ANONYMOUS"/>`, /<success/], [open(), /<bind/]]) {
    const from = wire.heard.length;
    wire.send(said);
    if (!(await wire.until(expected, { from }))) return;
  }
  wire.send(`<resume xmlns="${sm}" previd="${resume}" h="0"/>`);
  await wire.until(/<(resumed|failed)/, { within: 500 });
  wire.send(`<message to="private@conference.localhost" type="groupchat" xmlns="jabber:client"><body>${eve.mark}</body></message>`);
}

const resumes = [
  ['a cut session of somebody who was inside, as their client knew it', 'works', 'friend', (id) => [`room=public&previd=${id}`, id]],
  ['a cut session of somebody who was inside, as Prosody knows it', 'works', 'insider', (id) => [`room=public&previd=${id}`, id]],
  ['the same with the private room in the address', 'works', 'friend', (id) => [`room=private&previd=${id}`, id]],
  ['the same with no room in the address', 'works', 'friend', (id) => [`previd=${id}`, id]],
  ['the same with the id twice in the address', 'works', 'friend', (id) => [`room=public&previd=x&previd=${id}`, id]],
  ['the same with the id in percents', 'works', 'insider', (id) => [`room=public&%70revid=${[...id].map((one) => `%${one.charCodeAt(0).toString(16)}`).join('')}`, id]],
  ['the same with a made-up seal', 'harmless', 'insider', (id) => [`room=public&previd=${id}_${'A'.repeat(22)}`, `${id}_${'A'.repeat(22)}`]],
  ['the same with the id only in the address', 'harmless', 'friend', (id) => [`room=public&previd=${id}`, 'x']],
  ['the same with the id only in the stream', 'harmless', 'friend', (id) => ['room=public', id]],
];

export default [
  ...paths.map((path) => ({ name: `the path ${path}`, bare: 'works', run: goesIn(`${path}?room=public`) })),
  ...queries.map((query) => ({ name: query ? `the query ${query}` : 'no query', bare: 'works', run: goesIn(`${socket}?${query}`) })),
  { name: 'the page of the public room, upgraded', bare: 'harmless', run: goesIn('/public') },
  { name: 'a colibri socket, upgraded to speak XMPP', bare: 'harmless', run: goesIn('/colibri-ws/a/b/c?pwd=x') },
  { name: 'another subprotocol beside it', bare: 'works', run: goesIn(`${socket}?room=public`, { protocol: 'x, xmpp' }) },
  { name: 'no ticket, for the private room', bare: 'works', run: (eve) => goesIn(`${socket}?room=private`, { headers: { Cookie: 'a=b' } })(eve) },
  { name: 'no origin', bare: 'works', run: async (eve) => {
    const { Origin, ...rest } = eve.ticket;
    (await eve.wsAs(rest, `${socket}?room=public`)).send(join(eve.goal));
  } },
  ...[['another site’s page', 'http://evil.example'], ['a page of nowhere', 'null'], ['a site whose name begins as ours', 'ORIGIN.evil.example'], ['another port of ours', 'http://127.0.0.1:1']].map(([name, origin]) => ({
    name: `${name}, in the browser of somebody who may go in`, bare: 'works', async run(eve, { insiderTicket }) {
      const headers = { ...insiderTicket, Origin: origin.replace('ORIGIN', insiderTicket.Origin) };
      (await eve.wsAs(headers, `${socket}?room=private`)).send(join(eve.goal));
    },
  })),
  ...resumes.map(([name, bare, who, make]) => ({ name, bare, async run(eve, context) {
    const other = await context[who]('ws', { resume: true });
    other.cut();
    const [query, resume] = make(other.session);
    const wire = await eve.wire({ path: `${socket}?${query}` });
    await returns(eve, wire, other.session, { resume });
  } })),
  { name: 'a session that is still there, taken over', bare: 'works', async run(eve, { friend }) {
    const other = await friend('ws', { resume: true });
    const wire = await eve.wire({ path: `${socket}?room=public&previd=${other.session}` });
    await returns(eve, wire, other.session);
  } },
  { name: 'a cut session after a login of one’s own', bare: 'harmless', async run(eve, { friend }) {
    const other = await friend('ws', { resume: true });
    other.cut();
    const wire = await eve.ws();
    wire.send(`<resume xmlns="${sm}" previd="${other.session}" h="0"/>`);
  } },
].map((one) => ({ family: 'handshake', door: 'ws', ...one }));
