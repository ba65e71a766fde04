// Can somebody who is inside be reached from outside? Their real address is known: rooms of Jitsi show it.

import { disco, iq, join, muc, say } from '../harness/xmpp.mjs';

const room = 'private@conference.localhost';
const publicRoom = 'public@conference.localhost';
const text = (eve) => `<body>${eve.mark}</body>`;
const bare = (jid) => jid.split('/')[0];
const user = `${muc}#user`;

const cases = [
  ['a message', 'works', (eve, jid) => `<message to="${jid}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message of type chat', 'works', (eve, jid) => `<message to="${jid}" type="chat" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message of type groupchat', 'works', (eve, jid) => `<message to="${jid}" type="groupchat" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message of type error', 'works', (eve, jid) => `<message to="${jid}" type="error" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message to the host in capitals', 'works', (eve, jid) => `<message to="${jid.replace('@localhost', '@LOCALHOST')}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message to the name in capitals', 'works', (eve, jid) => `<message to="${jid.replace(/^[^@]+/, (name) => name.toUpperCase())}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message to the host with a dot', 'works', (eve, jid) => `<message to="${jid.replace('@localhost', '@localhost.')}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message in the room’s name', 'works', (eve, jid) => `<message to="${jid}" from="${room}/focus" xmlns="jabber:client">${text(eve)}</message>`],
  ['a presence', 'works', (eve, jid) => `<presence to="${jid}" xmlns="jabber:client"><status>${eve.mark}</status></presence>`],
  ['an unavailable presence', 'works', (eve, jid) => `<presence to="${jid}" type="unavailable" xmlns="jabber:client"><status>${eve.mark}</status></presence>`],
  ['a request to see them', 'harmless', (eve, jid) => `<presence to="${bare(jid)}" type="subscribe" xmlns="jabber:client"><status>${eve.mark}</status></presence>`],
  ['a question', 'works', (eve, jid) => iq(jid, eve.mark, disco('info'))],
  ['a command', 'works', (eve, jid) => iq(jid, eve.mark, '<query xmlns="jabber:iq:roster"/>', 'set')],
  ['an answer that was not asked for', 'works', (eve, jid) => iq(jid, eve.mark, '', 'result')],
  ['an error that was not asked for', 'works', (eve, jid) => iq(jid, eve.mark, '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>', 'error')],
  ['an offer of a call', 'works', (eve, jid) => iq(jid, eve.mark, `<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="${eve.mark}"/>`, 'set')],
  ['an invitation as a message', 'works', (eve, jid) => `<message to="${jid}" xmlns="jabber:client"><x xmlns="jabber:x:conference" jid="${publicRoom}" reason="${eve.mark}"/></message>`],
  ['an invitation declined in the private room', 'works', (eve, jid) => `<message to="${room}" xmlns="jabber:client"><x xmlns="${user}"><decline to="${jid}"><reason>${eve.mark}</reason></decline></x></message>`],
  ['an invitation into the private room', 'works', (eve, jid) => `<message to="${room}" xmlns="jabber:client"><x xmlns="${user}"><invite to="${jid}"><reason>${eve.mark}</reason></invite></x></message>`],
  ['a question to the account', 'harmless', (eve, jid) => iq(bare(jid), eve.mark, disco('items'))],
  ['a message to everybody of the host', 'harmless', (eve) => `<message to="localhost/announce/online" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message to the room', 'harmless', (eve) => say(room, eve.mark)],
  ['a message of no type to the room', 'harmless', (eve) => `<message to="${room}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a message to the nick', 'harmless', (eve, jid, { victim }) => `<message to="${room}/${victim.nick}" type="chat" xmlns="jabber:client">${text(eve)}</message>`],
  ['a subject for the room', 'harmless', (eve) => `<message to="${room}" type="groupchat" xmlns="jabber:client"><subject>${eve.mark}</subject></message>`],
  ['a request for a voice in the room', 'harmless', (eve) => `<message to="${room}" xmlns="jabber:client"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE"><value>${muc}#request</value></field>`
    + `<field var="muc#role"><value>participant</value></field><field var="x"><value>${eve.mark}</value></field></x></message>`],
  ['a message to another server', 'harmless', (eve) => `<message to="somebody@elsewhere.example" xmlns="jabber:client">${text(eve)}</message>`],
];

// From inside the public room, which the attacker may be in: `(eve, jid) => xml`.
const inside = [
  ['an invitation by way of the public room', 'works', (eve, jid) => `<message to="${publicRoom}" xmlns="jabber:client"><x xmlns="${user}"><invite to="${jid}"><reason>${eve.mark}</reason></invite></x></message>`],
  ['an invitation declined by way of the public room', 'works', (eve, jid) => `<message to="${publicRoom}" xmlns="jabber:client"><x xmlns="${user}"><decline to="${jid}"><reason>${eve.mark}</reason></decline></x></message>`],
  ['a message from inside the public room', 'works', (eve, jid) => `<message to="${jid}" xmlns="jabber:client">${text(eve)}</message>`],
  ['a ban by real address in the public room', 'harmless', (eve, jid) => iq(publicRoom, 'q', `<query xmlns="${muc}#admin"><item affiliation="outcast" jid="${bare(jid)}"><reason>${eve.mark}</reason></item></query>`, 'set')],
  ['the end of the public room, with the private one as the next', 'harmless', (eve) => iq(publicRoom, 'q', `<query xmlns="${muc}#owner"><destroy jid="${room}"><reason>${eve.mark}</reason></destroy></query>`, 'set')],
];

export default [
  ...cases.map(([name, known, make]) => ({ door: 'ws', name, bare: known, run: (eve, context) => eve.says('ws', make(eve, context.victim.jid, context)) })),
  ...cases.filter((_, at) => [0, 8, 11, 17].includes(at)).map(([name, known, make]) => ({ door: 'bosh', name, bare: known, run: (eve, context) => eve.says('bosh', make(eve, context.victim.jid, context)) })),
  ...inside.map(([name, known, make]) => ({ door: 'ws', name, bare: known, run: (eve, context) => eve.says('ws', join(`${publicRoom}/${eve.mark}`), make(eve, context.victim.jid, context)) })),
].map((one) => ({ family: 'people', ...one }));
