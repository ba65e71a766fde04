// What does XML allow that a reader in a hurry does not see?

import { framing, iq, join, login, muc, open } from '../harness/xmpp.mjs';

const x = `<x xmlns="${muc}"/>`;
const publicRoom = 'public@conference.localhost';
const streams = 'http://etherx.jabber.org/streams';
const stream = `<stream:stream xmlns="jabber:client" xmlns:stream="${streams}" to="localhost" version="1.0">`;
const utf16 = (text) => Buffer.from(text, 'utf16le');

// What is said by somebody who is logged in: `(goal, nick) => xml`.
const said = [
  ['single quotes', 'works', (goal) => `<presence to='${goal}' xmlns='jabber:client'>${x}</presence>`],
  ['white space wherever it may stand', 'works', (goal) => `<presence\n\txmlns = "jabber:client"\r\n\tto\n=\n"${goal}"\n>${x}</presence\n>`],
  ['decimal character references', 'works', (goal) => join(goal.replace('p', '&#112;'))],
  ['hexadecimal character references', 'works', (goal) => join(goal.replace('p', '&#x70;'))],
  ['character references with many zeros', 'works', (goal) => join(goal.replace('p', '&#x0000000000000070;'))],
  ['a character reference for the at', 'works', (goal) => join(goal.replace('@', '&#64;'))],
  ['the whole address in character references', 'works', (goal) => join([...goal].map((one) => `&#${one.charCodeAt(0)};`).join(''))],
  ['a reference to a soft hyphen', 'works', (goal) => join(goal.replace('v', '&#173;v'))],
  ['a prefix on the stanza', 'works', (goal) => `<c:presence xmlns:c="jabber:client" to="${goal}">${x}</c:presence>`],
  ['a prefix on the child', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}"><m:x xmlns:m="${muc}"/></presence>`],
  ['a foreign `to` before the true one', 'works', (goal) => `<presence xmlns="jabber:client" xmlns:f="urn:f" f:to="${publicRoom}/n" to="${goal}">${x}</presence>`],
  ['a foreign `to` behind the true one', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}" xmlns:f="urn:f" f:to="${publicRoom}/n">${x}</presence>`],
  ['the address in the middle of many attributes', 'works', (goal) => `<presence xmlns="jabber:client" a="to=" b='to="${publicRoom}"' to="${goal}" c="&quot;">${x}</presence>`],
  ['a `from` of the public room', 'works', (goal) => `<presence xmlns="jabber:client" from="${publicRoom}/n" to="${goal}">${x}</presence>`],
  ['a tag within an attribute', 'works', (goal) => `<presence xmlns="jabber:client" a="&lt;presence to='${publicRoom}'/>" to="${goal}">${x}</presence>`],
  ['a section of character data in the child', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}"><x xmlns="${muc}"><![CDATA[</x></presence>]]></x></presence>`],
  ['two hundred kilobytes before the address', 'works', (goal) => `<presence xmlns="jabber:client" pad="${'a'.repeat(200_000)}" to="${goal}">${x}</presence>`],
  ['a very long id', 'works', (goal) => `<presence xmlns="jabber:client" id="${'a'.repeat(20_000)}" to="${goal}">${x}</presence>`],
  ['a thousand children before the child', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}">${'<a/>'.repeat(1_000)}${x}</presence>`],
  ['two hundred levels of depth', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}">${'<a>'.repeat(200)}${'</a>'.repeat(200)}${x}</presence>`],
  ['a child that speaks of framing', 'works', (goal) => `<presence xmlns="jabber:client" to="${goal}"><open xmlns="${framing}" to="localhost"/>${x}</presence>`],
  ['no end-of-line but a carriage return', 'works', (goal) => `<presence\rxmlns="jabber:client"\rto="${goal}"\r>${x}</presence>`],
  ['a resource with slashes and ats', 'works', (goal) => join(`${goal}/${publicRoom}/n`)],
  ['no child that says it is a room', 'harmless', (goal) => `<presence xmlns="jabber:client" to="${goal}"/>`],
  ['two `to` of which the second is private', 'harmless', (goal) => `<presence xmlns="jabber:client" to="${publicRoom}/n" to="${goal}">${x}</presence>`],
  ['a comment before the stanza', 'harmless', (goal) => `<!-- ${publicRoom} -->${join(goal)}`],
  ['a comment within the stanza', 'harmless', (goal) => join(goal).replace(x, `<!-- -->${x}`)],
  ['a processing instruction', 'harmless', (goal) => `<?to ${publicRoom}?>${join(goal)}`],
  ['an XML declaration before the stanza', 'harmless', (goal) => `<?xml version="1.0"?>${join(goal)}`],
  ['an entity of its own', 'harmless', (goal) => `<!DOCTYPE p [<!ENTITY r "${goal}">]>${join('&r;')}`],
  ['an unknown entity', 'harmless', (goal) => join(`&nbsp;${goal}`)],
  ['an element hidden in another', 'harmless', (goal) => `<message to="${publicRoom}" xmlns="jabber:client">${join(goal)}</message>`],
  ['a forwarded stanza', 'harmless', (goal) => `<message to="${publicRoom}" xmlns="jabber:client"><forwarded xmlns="urn:xmpp:forward:0">${join(goal)}</forwarded></message>`],
  ['a stanza within a request', 'harmless', (goal) => iq('localhost', 'q', join(goal), 'set')],
  ['a list of addresses (XEP-0033)', 'harmless', (goal) => `<message to="${publicRoom}" xmlns="jabber:client"><addresses xmlns="http://jabber.org/protocol/address">`
    + `<address type="to" jid="${goal}"/></addresses><body>${goal}</body></message>`],
  ['the tag in capitals', 'harmless', (goal) => `<PRESENCE xmlns="jabber:client" to="${goal}">${x}</PRESENCE>`],
  ['another namespace', 'harmless', (goal) => `<presence xmlns="jabber:server" to="${goal}">${x}</presence>`],
  ['no namespace', 'harmless', (goal) => `<presence xmlns="" to="${goal}">${x}</presence>`],
  ['an undeclared prefix', 'harmless', (goal) => `<c:presence to="${goal}">${x}</c:presence>`],
  ['a tab within the address', 'harmless', (goal) => join(goal.replace('@', '\t@'))],
  ['a NUL within the address', 'harmless', (goal) => join(goal.replace('@', '\0@'))],
  ['a reference to NUL', 'harmless', (goal) => join(goal.replace('@', '&#0;@'))],
];

const bytes = [
  ['an overlong encoding of a letter', (goal) => { const [a, b] = join(goal).split('private'); return [a, Buffer.from([0xc1, 0xb0]), `rivate${b}`]; }],
  ['half a surrogate in UTF-8', (goal) => { const [a, b] = join(goal).split('private'); return [a, 'private', Buffer.from([0xed, 0xa0, 0x80]), b]; }],
  ['a byte that is no UTF-8', (goal) => { const [a, b] = join(goal).split('private'); return [a, Buffer.from([0xff]), `private${b}`]; }],
].map(([name, make]) => [name, (goal) => Buffer.concat(make(goal).map((part) => Buffer.from(part)))]);

/** From the first byte of the stream on, in a form that is not the usual one. */
async function begins(eve, opening, convert = (text) => text, stanza = join(eve.goal)) {
  const wire = await eve.wire();
  const send = wire.send.bind(wire);
  wire.send = (xml) => send(convert(xml));
  await login(wire, { opening });
  wire.send(stanza);
}

export default [
  ...said.map(([name, bare, make]) => ({ door: 'ws', name, bare, run: (eve) => eve.says('ws', make(eve.goal)) })),
  ...said.filter((_, at) => [2, 6, 8, 10, 15, 16].includes(at)).map(([name, bare, make]) => ({ door: 'bosh', name, bare, run: (eve) => eve.says('bosh', make(eve.goal)) })),
  ...bytes.map(([name, make]) => ({ door: 'ws', name, bare: 'harmless', run: (eve) => eve.says('ws', make(eve.goal)) })),
  { door: 'ws', name: 'a stream header as over TCP', bare: 'works', run: (eve) => begins(eve, stream) },
  { door: 'ws', name: 'a stream in UTF-16', bare: 'works', run: (eve) => begins(eve, stream, utf16) },
  { door: 'ws', name: 'a prefix declared with the stream, not with the stanza', bare: 'works',
    run: (eve) => begins(eve, stream.replace(' to=', ' xmlns:c="jabber:client" to='), undefined, `<c:presence to="${eve.goal}">${x}</c:presence>`) },
  { door: 'ws', name: 'a namespace declared with the stream, not with the stanza', bare: 'works',
    run: (eve) => begins(eve, stream, undefined, `<presence to="${eve.goal}">${x}</presence>`) },
  { door: 'ws', name: 'an XML declaration before the opening', bare: 'works', run: (eve) => begins(eve, `<?xml version="1.0"?>${open()}`) },
  { door: 'ws', name: 'a stream in Latin-1 by declaration', bare: 'harmless', run: (eve) => begins(eve, `<?xml version="1.0" encoding="ISO-8859-1"?>${stream}`) },
].map((one) => ({ family: 'XML', ...one }));
