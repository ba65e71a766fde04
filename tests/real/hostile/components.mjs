// What else can be addressed? Lobbies, breakout rooms, the focus, inner hosts, other virtual hosts, and lists that tell who is where.

import { disco, httpbind, iq, join, login, muc, open, say } from '../harness/xmpp.mjs';

const room = 'private@conference.localhost';
const focus = 'http://jitsi.org/protocol/focus';
const conference = (eve, to, asked = room) => `<conference xmlns="${focus}" room="${asked}" machine-uid="${eve.mark}"/>`;
const streams = 'http://etherx.jabber.org/streams';
const stream = (to) => `<stream:stream xmlns="jabber:client" xmlns:stream="${streams}" to="${to}" version="1.0">`;

/** Asks the same of the private room and of one that does not exist: a difference tells that there is something. */
async function tells(eve, door, make) {
  const speak = async (speaker, text, id) => {
    if (door === 'bosh') return speaker.send(text);
    const from = speaker.heard.length;
    speaker.send(text);
    return speaker.until(new RegExp(`id=['"]${id}['"]`), { from, within: 500 });
  };
  const speaker = await eve.says(door);
  const answers = [];
  for (const [id, node] of [['private-1', 'private'], ['nowhere-1', 'nowhere']]) {
    const answer = (await speak(speaker, make(`${node}@conference.localhost`, id), id)) ?? '';
    answers.push(answer.replaceAll(id, '').replaceAll(node, '').replace(/^<body[^>]*>|<\/body>$/g, '').split(/[\s/>]+/).sort().join(' '));
  }
  return answers[0] !== answers[1];
}

const joins = [
  ['the lobby of the private room', ({ victim }) => victim.lobby],
  ['the lobby in capitals', ({ victim }) => victim.lobby.toUpperCase()],
  ['a breakout room, its name known', ({ victim }) => victim.breakout],
  ['a breakout room in capitals', ({ victim }) => victim.breakout.toUpperCase()],
  ['the room of the bots on an inner host', ({ victim }) => victim.bots],
];

const asks = [
  ['the list of all rooms', 'works', () => iq('conference.localhost', 'q', disco('items'))],
  ['the list of all lobbies', 'works', () => iq('lobby.localhost', 'q', disco('items'))],
  ['the list of all breakout rooms', 'works', () => iq('breakout.localhost', 'q', disco('items'))],
  ['the list of all rooms, from a host in capitals', 'works', () => iq('CONFERENCE.LOCALHOST', 'q', disco('items'))],
  ['the list of all rooms, by pages', 'works', () => iq('conference.localhost', 'q', disco('items').replace('/>', '><set xmlns="http://jabber.org/protocol/rsm"><max>5</max></set></query>'))],
  ['the list of inner rooms', 'works', () => iq('internal.auth.localhost', 'q', disco('items'))],
  ['what the private room is', 'works', () => iq(room, 'q', disco('info'))],
  ['what the private room is, with a node', 'works', () => iq(room, 'q', disco('info', 'http://jabber.org/protocol/muc#traffic'))],
  ['who is in the private room', 'works', () => iq(room, 'q', disco('items'))],
  ['under which nick one may go in', 'works', () => iq(room, 'q', disco('info', 'x-roomuser-item'))],
  ['how to register with the private room', 'harmless', () => iq(room, 'q', '<query xmlns="jabber:iq:register"/>')],
  ['the configuration of the private room', 'harmless', () => iq(room, 'q', '<query xmlns="http://jabber.org/protocol/muc#owner"/>')],
  ['the members of the private room', 'harmless', () => iq(room, 'q', '<query xmlns="http://jabber.org/protocol/muc#admin"><item affiliation="owner"/></query>')],
  ['to see the private room’s card', 'harmless', () => iq(room, 'q', '<vCard xmlns="vcard-temp"/>')],
  ['to destroy the private room', 'harmless', (eve) => iq(room, 'q', `<query xmlns="http://jabber.org/protocol/muc#owner"><destroy><reason>${eve.mark}</reason></destroy></query>`, 'set')],
  ['to throw the victim out', 'harmless', (eve, { victim }) => iq(room, 'q', `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="${victim.nick}" role="none"><reason>${eve.mark}</reason></item></query>`, 'set')],
  ['something of one who is inside, by nick', 'harmless', (eve, { victim }) => iq(`${room}/${victim.nick}`, 'q', `<query xmlns="jabber:iq:version"><name>${eve.mark}</name></query>`)],
];

const requests = [
  ['the focus for the private room', (eve) => iq('focus.localhost', 'c', conference(eve), 'set')],
  ['the focus for the private room in capitals', (eve) => iq('focus.localhost', 'c', conference(eve, '', room.toUpperCase()), 'set')],
  ['the focus for the private room in full-width letters', (eve) => iq('focus.localhost', 'c', conference(eve, '', '\uff50rivate@conference.localhost'), 'set')],
  ['the focus by an address in capitals', (eve) => iq('FOCUS.LOCALHOST', 'c', conference(eve), 'set')],
  ['the focus by an address with a dot', (eve) => iq('focus.localhost.', 'c', conference(eve), 'set')],
  ['the focus by an address with a node', (eve) => iq('focus@focus.localhost', 'c', conference(eve), 'set')],
  ['the focus by an address with a resource', (eve) => iq('focus.localhost/focus', 'c', conference(eve), 'set')],
  ['the focus with a prefix', (eve) => iq('focus.localhost', 'c', `<f:conference xmlns:f="${focus}" room="${room}" machine-uid="${eve.mark}"/>`, 'set')],
  ['the focus by `get`', (eve) => iq('focus.localhost', 'c', conference(eve), 'get')],
  ['the focus with a foreign `room` beside the true one', (eve) => iq('focus.localhost', 'c', `<conference xmlns="${focus}" xmlns:f="urn:f" f:room="public@conference.localhost" room="${room}" machine-uid="${eve.mark}"/>`, 'set')],
  ['the focus for a breakout room, its name known', (eve, { victim }) => iq('focus.localhost', 'c', conference(eve, '', victim.breakout), 'set')],
];

const hosts = [
  ['the host of passwords', 'auth.localhost'],
  ['the host of passwords in capitals', 'AUTH.LOCALHOST'],
  ['the host of passwords in full-width letters', '\uff41uth.localhost'],
];
const passwords = /<mechanism>(PLAIN|SCRAM)/;
const offered = (heard) => heard.some((text) => passwords.test(text));

export default [
  ...joins.map(([name, where]) => ({ door: 'ws', name, bare: 'works', run: (eve, context) => eve.says('ws', join(`${where(context)}/${eve.mark}`)) })),
  ...joins.slice(0, 3).map(([name, where]) => ({ door: 'bosh', name, bare: 'works', run: (eve, context) => eve.says('bosh', join(`${where(context)}/${eve.mark}`)) })),
  { door: 'ws', name: 'a breakout room, from within its host’s public room of that name', bare: 'harmless', run: (eve) => eve.says('ws', join(`public@breakout.localhost/${eve.mark}`)) },
  ...asks.map(([name, bare, make]) => ({ door: 'ws', name, bare, run: (eve, context) => eve.says('ws', make(eve, context)) })),
  ...asks.slice(0, 1).concat(asks.slice(6, 9)).map(([name, bare, make]) => ({ door: 'bosh', name, bare, run: (eve, context) => eve.says('bosh', make(eve, context)) })),
  { door: 'ws', name: 'whether the private room is there, by asking what it is', bare: 'works', run: (eve) => tells(eve, 'ws', (to, id) => iq(to, id, disco('info'))) },
  { door: 'ws', name: 'whether the private room is there, by a ping', bare: 'works', run: (eve) => tells(eve, 'ws', (to, id) => iq(`${to}/x`, id, '<ping xmlns="urn:xmpp:ping"/>')) },
  { door: 'bosh', name: 'whether the private room is there, by who is in it', bare: 'works', run: (eve) => tells(eve, 'bosh', (to, id) => iq(to, id, disco('items'))) },
  { door: 'ws', name: 'whether the private room is there, by a message', bare: 'works', run: (eve) => tells(eve, 'ws', (to, id) => say(to, eve.mark).replace('<message', `<message id="${id}"`)) },
  ...requests.map(([name, make]) => ({ door: 'ws', name, bare: 'works', run: (eve, context) => eve.says('ws', make(eve, context)) })),
  ...requests.slice(0, 2).map(([name, make]) => ({ door: 'bosh', name, bare: 'works', run: (eve, context) => eve.says('bosh', make(eve, context)) })),
  { door: 'ws', name: 'the focus with a second request in the same stanza', bare: 'harmless', run: (eve) => eve.says('ws', iq('focus.localhost', 'c', conference(eve, '', 'public@conference.localhost') + conference(eve), 'set')) },
  { door: 'ws', name: 'the focus by way of the private room', bare: 'harmless', run: (eve) => eve.says('ws', iq(`${room}/focus`, 'c', conference(eve), 'set')) },
  ...hosts.map(([name, to]) => ({ door: 'ws', name: `${name} opened`, bare: 'works', async run(eve) {
    const wire = await eve.wire();
    wire.send(open(to));
    await wire.until(/mechanisms/, { within: 500 });
    return offered(wire.heard);
  } })),
  { door: 'ws', name: 'the host of passwords by a stream header as over TCP', bare: 'works', async run(eve) {
    const wire = await eve.wire();
    wire.send(stream('auth.localhost'));
    await wire.until(/mechanisms/, { within: 500 });
    return offered(wire.heard);
  } },
  { door: 'ws', name: 'the host of passwords in a second opening', bare: 'harmless', async run(eve) {
    const wire = await eve.wire();
    wire.send(open());
    await wire.until(/mechanisms/, { within: 500 });
    wire.send(open('auth.localhost'));
    await wire.until(passwords, { within: 300 });
    return offered(wire.heard);
  } },
  { door: 'bosh', name: 'the host of passwords opened', bare: 'works', async run(eve) {
    const session = await eve.bosh({ domain: 'auth.localhost' });
    return offered(session.heard);
  } },
  { door: 'bosh', name: 'the host of passwords in a restart', bare: 'harmless', async run(eve) {
    const session = await eve.bosh();
    await session.post(session.body('', 'xmpp:restart="true" to="auth.localhost" xmlns:xmpp="urn:xmpp:xbosh"'), { within: 400 });
    return offered(session.heard);
  } },
  { door: 'bosh', name: 'the rooms’ own host opened', bare: 'harmless', run: async (eve) => { await (await eve.bosh({ domain: 'conference.localhost' })).post(`<body xmlns="${httpbind}"/>`, { within: 300 }); } },
  { door: 'ws', name: 'the private room from the guests’ host', bare: 'works', async run(eve) {
    const wire = await eve.ws({ domain: 'guest.localhost' });
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'the private room from the guests’ host in capitals', bare: 'works', async run(eve) {
    const wire = await eve.ws({ domain: 'GUEST.LOCALHOST' });
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'no host opened', bare: 'harmless', async run(eve) {
    const wire = await eve.wire();
    await login(wire, { opening: open().replace(' to="localhost"', '') });
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'a presence of another type to the private room', bare: 'harmless', run: (eve) => eve.says('ws', ...['unavailable', 'subscribe', 'probe', 'error'].map((type) =>
    `<presence to="${eve.goal}" type="${type}" xmlns="jabber:client"><x xmlns="${muc}"/></presence>`)) },
].map((one) => ({ family: 'components', ...one }));
