// What does an attacker hold? A ticket for the public room, raw sockets, and a mark of their own by which they are known wherever they get.

import { Bosh, exchange, login, request, Wire } from './xmpp.mjs';

/** `ticket` are the headers that a visitor of the public room sends, `port` is the door at which all is tried. */
export class Attacker {
  /** Unique, and in everything that this attacker says. */
  mark;
  /** Answers to plain requests. */
  answers = [];
  #wires = [];
  #sessions = [];

  constructor(port, ticket, mark) {
    this.port = port;
    this.ticket = ticket;
    this.mark = mark;
  }

  /** Where every attack wants to go. */
  get goal() {
    return `private@conference.localhost/${this.mark}`;
  }

  /** All that was heard, over whatever door. */
  get heard() {
    return [...this.#wires, ...this.#sessions].flatMap(({ heard }) => heard).concat(this.answers.map(({ body }) => body));
  }

  /** Under which addresses this attacker was known. */
  get jids() {
    return [...this.#wires, ...this.#sessions].map(({ jid }) => jid).filter(Boolean);
  }

  /** A WebSocket, opened and no more. */
  async wire({ path = '/xmpp-websocket?room=public', headers = {}, ...more } = {}) {
    const wire = await Wire.open({ port: this.port, path, headers: { ...this.ticket, ...headers }, ...more });
    this.#wires.push(wire);
    return wire;
  }

  /** A WebSocket that is logged in, where the other side would. */
  async ws({ domain, opening, resume, ...more } = {}) {
    const wire = await this.wire(more);
    if (wire.status === 101) await login(wire, { domain, opening, resume });
    return wire;
  }

  /** A WebSocket that is logged in where the other side would, with other headers than one's own ticket. */
  async wsAs(headers, path) {
    const wire = await Wire.open({ port: this.port, path, headers });
    this.#wires.push(wire);
    if (wire.status === 101) await login(wire);
    return wire;
  }

  /** A BOSH session, not begun. */
  session({ path = '/http-bind?room=public', headers = {} } = {}) {
    const session = new Bosh({ port: this.port, path, headers: { ...this.ticket, ...headers } });
    this.#sessions.push(session);
    return session;
  }

  /** A BOSH session that is logged in, where the other side would. */
  async bosh({ domain, attributes, ...more } = {}) {
    const session = this.session(more);
    await session.login({ domain, attributes });
    return session;
  }

  /** Says something as somebody who is logged in, over `ws` or `bosh`. */
  async says(door, ...said) {
    if (door === 'bosh') {
      const session = await this.bosh();
      for (const one of said) await session.send(one);
      return session;
    }
    const wire = await this.ws();
    for (const one of said) wire.send(one);
    return wire;
  }

  /** One plain request. */
  async ask(method, target, { headers = {}, body = '' } = {}) {
    return this.bytes(request(this.port, method, target, { ...this.ticket, ...headers }, body));
  }

  async bytes(bytes) {
    return exchange(this.port, bytes, { within: 700, heard: (one) => this.answers.push(one) });
  }

  leave() {
    for (const wire of this.#wires) wire.cut();
  }
}
