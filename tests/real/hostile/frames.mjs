// What do WebSocket frames allow that Prosody, a reader of streams, does not notice?

import { setTimeout as sleep } from 'node:timers/promises';

import { auth, bind, frame, iq, join, muc, open } from '../harness/xmpp.mjs';

const x = `<x xmlns="${muc}"/>`;
const honest = (eve) => join(`public@conference.localhost/${eve.mark}`);
const ping = (id) => iq('localhost', id, '<ping xmlns="urn:xmpp:ping"/>');
const head = (eve) => `<presence to="${eve.goal}" xmlns="jabber:client">`;

// Frames of somebody who is logged in: `(wire, eve)`.
const cases = [
  ['two stanzas in one frame', 'works', (wire, eve) => wire.send(honest(eve) + join(eve.goal))],
  ['two stanzas in one frame, white space between them', 'works', (wire, eve) => wire.send(`${honest(eve)}\r\n  \t${join(eve.goal)}`)],
  ['a harmless request and a stanza in one frame', 'works', (wire, eve) => wire.send(ping('p') + join(eve.goal))],
  ['a stanza over two frames', 'works', (wire, eve) => { wire.send(head(eve)); wire.send(`${x}</presence>`); }],
  ['a stanza over three frames, with a ping between them', 'works', (wire, eve) => {
    wire.send(head(eve));
    wire.send('', { opcode: 9 });
    wire.send(x);
    wire.send('</presence>');
  }],
  ['a stanza behind the end of another', 'works', (wire, eve) => {
    wire.send('<iq to="localhost" type="get" id="p" xmlns="jabber:client">');
    wire.send(`<ping xmlns="urn:xmpp:ping"/></iq>${join(eve.goal)}`);
  }],
  ['an honest join first, then the other', 'works', async (wire, eve) => { wire.send(honest(eve)); await sleep(50); wire.send(join(eve.goal)); }],
  ['thirty honest requests, then the other', 'works', (wire, eve) => { for (let at = 0; at < 30; at += 1) wire.send(ping(`p${at}`)); wire.send(join(eve.goal)); }],
  ['two frames in one write', 'works', (wire, eve) => wire.raw(Buffer.concat([frame(honest(eve)), frame(join(eve.goal))]))],
  ['a frame byte by byte', 'works', async (wire, eve) => {
    for (const byte of frame(join(eve.goal))) {
      wire.raw(Buffer.from([byte]));
      await sleep(1);
    }
  }],
  ['a frame without a mask', 'works', (wire, eve) => wire.send(join(eve.goal), { mask: null })],
  ['a frame with a mask of zeros', 'works', (wire, eve) => wire.send(join(eve.goal), { mask: Buffer.alloc(4) })],
  ['a length of two bytes where one would do', 'works', (wire, eve) => { wire.send(head(eve), { wide: 2 }); wire.send(`${x}</presence>`, { wide: 2 }); }],
  ['a length of eight bytes where one would do', 'works', (wire, eve) => wire.send(join(eve.goal), { wide: 8 })],
  ['the stanza in pieces of a message', 'harmless', (wire, eve) => {
    const text = join(eve.goal);
    wire.send(text.slice(0, 20), { fin: false });
    wire.send(text.slice(20), { opcode: 0 });
  }],
  ['a continuation of nothing', 'harmless', (wire, eve) => wire.send(join(eve.goal), { opcode: 0 })],
  ['a first piece, then a whole message', 'harmless', (wire, eve) => { wire.send(ping('p'), { fin: false }); wire.send(join(eve.goal)); }],
  ['a binary frame', 'harmless', (wire, eve) => wire.send(join(eve.goal), { opcode: 2 })],
  ['a reserved opcode', 'harmless', (wire, eve) => wire.send(join(eve.goal), { opcode: 3 })],
  ['a reserved control opcode', 'harmless', (wire, eve) => { wire.send('x', { opcode: 11 }); wire.send(join(eve.goal)); }],
  ['the first reserved bit', 'harmless', (wire, eve) => wire.send(join(eve.goal), { rsv: 4 })],
  ['the last reserved bit', 'harmless', (wire, eve) => wire.send(join(eve.goal), { rsv: 1 })],
  ['a ping with the stanza in it', 'harmless', (wire, eve) => wire.send(join(eve.goal).slice(0, 125), { opcode: 9 })],
  ['a ping that is too long', 'harmless', (wire, eve) => wire.send(join(eve.goal).padEnd(200), { opcode: 9 })],
  ['a pong, then the stanza', 'works', (wire, eve) => { wire.send('x', { opcode: 10 }); wire.send(join(eve.goal)); }],
  ['a close with the stanza in it', 'harmless', (wire, eve) => wire.send(Buffer.concat([Buffer.from([3, 232]), Buffer.from(join(eve.goal).slice(0, 100))]), { opcode: 8 })],
  ['the stanza behind a close', 'harmless', (wire, eve) => wire.raw(Buffer.concat([frame(Buffer.from([3, 232]), { opcode: 8 }), frame(join(eve.goal))]))],
  ['a space before the stanza', 'harmless', (wire, eve) => wire.send(` ${join(eve.goal)}`)],
  ['an empty frame, then the stanza', 'harmless', (wire, eve) => { wire.send(''); wire.send(join(eve.goal)); }],
  ['a byte order mark before the stanza', 'harmless', (wire, eve) => wire.send(`\ufeff${join(eve.goal)}`)],
  ['more than a stanza may have', 'harmless', (wire, eve) => wire.send(`<presence pad="${'a'.repeat(300_000)}" to="${eve.goal}" xmlns="jabber:client">${x}</presence>`)],
  ['a length beyond all bounds', 'harmless', (wire, eve) => wire.raw(Buffer.concat([frame(join(eve.goal), { wide: 8, claim: 2n ** 63n + 5n })]))],
  ['a length that is longer than what comes', 'harmless', (wire, eve) => { const text = join(eve.goal); wire.send(text, { claim: BigInt(text.length + 5), wide: 2 }); }],
  ['two frames without masks in one write', 'works', (wire, eve) => wire.raw(Buffer.concat([ping('p'), join(eve.goal)].map((one) => frame(one, { mask: null }))))],
];

const first = (frames) => Buffer.concat(frames.map((one) => frame(one)));

export default [
  ...cases.map(([name, bare, act]) => ({ door: 'ws', name, bare, async run(eve) { await act(await eve.ws(), eve); } })),
  { door: 'ws', name: 'everything at once, from the opening to the stanza', bare: 'works', async run(eve) {
    const wire = await eve.wire();
    wire.raw(first([open(), auth, open(), bind, join(eve.goal)]));
  } },
  { door: 'ws', name: 'everything behind the handshake, before it was answered', bare: 'harmless', async run(eve) {
    await eve.wire({ early: first([open(), auth, open(), bind, join(eve.goal)]) });
  } },
  { door: 'ws', name: 'a stanza before the login', bare: 'harmless', async run(eve) {
    const wire = await eve.wire();
    wire.send(open());
    await wire.until(/features/);
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'a stanza before the binding of a resource', bare: 'harmless', async run(eve) {
    const wire = await eve.wire();
    for (const one of [open(), auth, open()]) {
      wire.send(one);
      await sleep(30);
    }
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'a stanza behind the end of the stream', bare: 'harmless', async run(eve) {
    const wire = await eve.ws();
    wire.send('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
    wire.send(join(eve.goal));
  } },
  { door: 'ws', name: 'an offer to compress', bare: 'works', async run(eve) {
    const wire = await eve.ws({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } });
    wire.send(join(eve.goal));
  } },
].map((one) => ({ family: 'framing', ...one }));
