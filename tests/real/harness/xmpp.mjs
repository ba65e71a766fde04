// What can somebody say who holds the wire in their own hands? XMPP over WebSocket and BOSH, every bit of a frame and every byte of a body.

import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

import { Parser } from '@xmpp/xml';

import { eventually } from './process.mjs';

export const framing = 'urn:ietf:params:xml:ns:xmpp-framing';
export const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const httpbind = 'http://jabber.org/protocol/httpbind';
export const muc = 'http://jabber.org/protocol/muc';
export const sm = 'urn:xmpp:sm:3';

export const open = (to = 'localhost') => `<open xmlns="${framing}" to="${to}" version="1.0"/>`;
export const auth = `<auth xmlns="${sasl}" mechanism="ANONYMOUS"/>`;
export const bind = '<iq id="bind-1" type="set" xmlns="jabber:client"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
/** To go into a room; `to` is `room@muc/nick` as it shall stand in the attribute. */
export const join = (to) => `<presence to="${to}" xmlns="jabber:client"><x xmlns="${muc}"/></presence>`;
export const say = (room, text) => `<message to="${room}" type="groupchat" xmlns="jabber:client"><body>${text}</body></message>`;
export const iq = (to, id, payload, type = 'get') => `<iq to="${to}" type="${type}" id="${id}" xmlns="jabber:client">${payload}</iq>`;
export const disco = (what, node = '') => `<query xmlns="http://jabber.org/protocol/disco#${what}"${node && ` node="${node}"`}/>`;

/** The elements that a text has at its top, or inside its only `<body>`; none where it is no XML. */
export function stanzas(text) {
  const found = [];
  const parser = new Parser();
  parser.on('error', () => {});
  parser.on('element', (element) => found.push(element));
  try {
    parser.write(text.startsWith('<body') ? text : `<all>${text}</all>`);
  } catch {
    // As far as it could be read.
  }
  return found;
}

/** The bytes of one frame (RFC 6455 section 5.2). `wide` is 0, 2 or 8 bytes of length instead of the least, `claim` another length than the true one. */
export function frame(payload, { opcode = 1, fin = true, rsv = 0, mask = randomBytes(4), wide, claim } = {}) {
  const body = Buffer.from(payload);
  const length = claim ?? BigInt(body.length);
  const extra = wide ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + extra);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (extra === 0 ? Number(length) : extra === 2 ? 126 : 127);
  if (extra === 2) head.writeUInt16BE(Number(length), 2);
  if (extra === 8) head.writeBigUInt64BE(length, 2);
  if (!mask) return Buffer.concat([head, body]);
  return Buffer.concat([head, mask, body.map((byte, at) => byte ^ mask[at % 4])]);
}

/** A raw WebSocket. */
export class Wire {
  /** Every text message that came, and when, in milliseconds. */
  heard = [];
  at = [];
  /** Every control frame that came: `{ opcode, payload }`. */
  controls = [];
  /** When the other side ended it, in milliseconds. */
  ended = 0;
  handshake = '';
  #socket;
  #rest = Buffer.alloc(0);

  /** Asks for the upgrade, and is there when it was answered in whatever way; `early` is sent along with it, `whole` instead of it. */
  static async open({ port, path = '/xmpp-websocket', headers = {}, protocol = 'xmpp', early = '', whole }) {
    const wire = new Wire();
    const socket = net.connect(port, '127.0.0.1');
    wire.#socket = socket;
    const done = () => { wire.ended ||= Date.now(); };
    socket.on('error', done);
    socket.on('close', done);
    socket.on('end', done);
    socket.on('data', (bytes) => wire.#take(bytes));
    const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, 'Sec-WebSocket-Version: 13'];
    if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    socket.write(whole ?? Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(early)]));
    await eventually('an answer to the upgrade', () => wire.handshake || wire.ended, { every: 5 });
    return wire;
  }

  /** The status of the handshake's answer; 0 for none. */
  get status() {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.handshake)?.[1] ?? 0);
  }

  raw(bytes) {
    if (!this.ended) this.#socket.write(bytes);
  }

  send(xml, how) {
    this.raw(frame(xml, how));
  }

  /** Everything that came, as elements. */
  get stanzas() {
    return this.heard.flatMap(stanzas);
  }

  /** Waits until some message matches, those before `from` not counted; null when the time is up or the wire has ended. */
  async until(pattern, { within = 3_000, from = 0 } = {}) {
    const end = Date.now() + within;
    for (;;) {
      const found = this.heard.slice(from).find((text) => pattern.test(text));
      if (found || this.ended || Date.now() > end) return found ?? null;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Gone without a word, as when a network goes. */
  cut() {
    this.#socket.destroy();
  }

  #take(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.handshake) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.handshake = this.#rest.subarray(0, end).toString('latin1');
      this.#rest = this.#rest.subarray(end + 4);
    }
    if (this.status !== 101) return;
    for (;;) {
      const rest = this.#rest;
      if (rest.length < 2) return;
      const short = rest[1] & 0x7f;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.length < start) return;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < start + length) return;
      const payload = rest.subarray(start, start + length);
      const opcode = rest[0] & 0x0f;
      if (opcode === 1) {
        this.heard.push(payload.toString('utf8'));
        this.at.push(Date.now());
      } else {
        this.controls.push({ opcode, payload: Buffer.from(payload) });
      }
      if (opcode === 8) this.ended ||= Date.now();
      this.#rest = rest.subarray(start + length);
    }
  }
}

/** From the stream's opening to a bound resource; the JID, or null where the other side would not. `resume` asks for a resumable session. */
export async function login(wire, { domain = 'localhost', opening = open(domain), resume = false } = {}) {
  const steps = [[opening, /<mechanism>ANONYMOUS/], [auth, /<success/], [opening, /<bind/], [bind, /<jid>/]];
  if (resume) steps.push([`<enable xmlns="${sm}" resume="true"/>`, /<enabled/]);
  let jid = null;
  for (const [said, expected] of steps) {
    const from = wire.heard.length;
    wire.send(said);
    const answer = await wire.until(expected, { from });
    if (!answer) return null;
    jid = /<jid>([^<]+)/.exec(answer)?.[1] ?? jid;
  }
  wire.jid = jid;
  wire.session = wire.heard.map((text) => /<enabled [^>]*\bid=['"]([^'"]+)/.exec(text)?.[1]).find(Boolean);
  return jid;
}

/** One request on a connection of its own, bytes as they are; the answer's `{ status, head, body }`, or null when none came in time. */
export async function exchange(port, bytes, { within = 1_500, heard = () => {} } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const chunks = [];
  socket.on('error', () => {});
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(bytes);
  const late = setTimeout(() => socket.destroy(), within);
  await once(socket, 'close').catch(() => {});
  clearTimeout(late);
  const all = Buffer.concat(chunks);
  const end = all.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = all.subarray(0, end).toString('latin1');
  let body = all.subarray(end + 4);
  if (/^transfer-encoding: *chunked/im.test(head)) body = joined(body);
  const answer = { status: Number(head.split(' ')[1]), head, body: body.toString('utf8') };
  heard(answer);
  return answer;
}

function joined(body) {
  const parts = [];
  let at = 0;
  for (;;) {
    const line = body.indexOf('\r\n', at);
    const length = line < 0 ? 0 : parseInt(body.subarray(at, line).toString('latin1'), 16);
    if (!length) return Buffer.concat(parts);
    parts.push(body.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}

/** A request as it goes over the wire; what `headers` has replaces what would be there, `null` leaves it out. */
export function request(port, method, target, headers = {}, body = '') {
  const bytes = Buffer.from(body);
  const all = { Host: `127.0.0.1:${port}`, Connection: 'close', ...(bytes.length || method === 'POST' ? { 'Content-Length': bytes.length } : {}), ...headers };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), bytes]);
}

/** A BOSH session (XEP-0124, XEP-0206), every request on a connection of its own. */
export class Bosh {
  /** Every body that came back. */
  heard = [];
  heads = [];
  sid = null;
  rid = randomInt(1_000, 1_000_000_000);
  #port;
  #path;
  #headers;

  constructor({ port, path = '/http-bind', headers = {} }) {
    this.#port = port;
    this.#path = path;
    this.#headers = headers;
  }

  get stanzas() {
    return this.heard.flatMap(stanzas);
  }

  /** Any bytes as a body; the answer's text, or '' when it was not there in time. */
  async post(body, { headers = {}, path = this.#path, method = 'POST', within = 1_500 } = {}) {
    const all = { 'Content-Type': 'text/xml; charset=utf-8', ...this.#headers, ...headers };
    return this.bytes(request(this.#port, method, path, all, body), { within });
  }

  /** The same, down to the request line. */
  async bytes(bytes, { within = 1_500 } = {}) {
    const answer = await exchange(this.#port, bytes, {
      within,
      heard: (one) => {
        this.heard.push(one.body);
        this.heads.push(one.head);
      },
    });
    return answer?.body ?? '';
  }

  /** The next body of this session around some stanzas; `attributes` are added to it. */
  body(inner, attributes = '') {
    this.rid += 1;
    return `<body rid="${this.rid}" sid="${this.sid}" xmlns="${httpbind}" ${attributes}>${inner}</body>`;
  }

  send(inner, options) {
    return this.post(this.body(inner), options);
  }

  /** From nothing to a bound resource; the JID, or null where the other side would not. */
  async login({ domain = 'localhost', attributes = '' } = {}) {
    const created = await this.post(`<body rid="${this.rid}" hold="1" wait="5" to="${domain}" ver="1.6" xml:lang="en" xmpp:version="1.0" `
      + `xmlns="${httpbind}" xmlns:xmpp="urn:xmpp:xbosh" ${attributes}/>`);
    this.sid = /\bsid=['"]([^'"]+)/.exec(created)?.[1] ?? null;
    if (!this.sid || !created.includes('ANONYMOUS')) return null;
    if (!(await this.send(auth)).includes('<success')) return null;
    await this.post(this.body('', `xmpp:restart="true" to="${domain}" xmlns:xmpp="urn:xmpp:xbosh"`));
    const bound = await this.send(bind);
    this.jid = /<jid>([^<]+)/.exec(bound)?.[1] ?? null;
    return this.jid;
  }
}
