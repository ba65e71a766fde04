// What can somebody do without a browser? Cookies, requests and Socket.IO by hand.

import { once } from 'node:events';
import http from 'node:http';
import io from 'socket.io-client';

const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** Somebody with a cookie jar and no browser. */
export class Script {
  #origin;
  #cookies = new Map();
  #sockets = [];

  constructor(origin) {
    this.#origin = origin;
  }

  get cookie() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** One request, redirects not followed: `{ status, headers, body }`. */
  async get(address, headers = navigation) {
    const request = http.get(new URL(address, this.#origin), { headers: this.cookie ? { ...headers, cookie: this.cookie } : headers });
    const [answer] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString('utf8') };
  }

  /** Goes to a page as a browser does, and tells where it ended. */
  async visits(address) {
    let answer = await this.get(address);
    for (let hops = 0; answer.headers.location && hops < 5; hops += 1) answer = await this.get(answer.headers.location);
    return answer;
  }

  /** A Socket.IO connection over one transport only; `heard` is every event, with its time. */
  socket(transport) {
    const socket = io(this.#origin, {
      path: '/ws',
      transports: [transport],
      forceNew: true,
      reconnection: false,
      extraHeaders: { ...(this.cookie ? { Cookie: this.cookie } : {}), Origin: this.#origin },
    });
    const heard = [];
    for (const event of ['connect', 'connect_error', 'error', 'disconnect', 'users', 'signal']) {
      socket.on(event, (what) => heard.push({ event, what, at: Date.now() }));
    }
    this.#sockets.push(socket);
    return {
      heard,
      of: (event) => heard.filter((one) => one.event === event),
      /** `userId` in `room`, as Peer Calls' own page says it. */
      ready: (room, userId) => socket.emit('ready', { room, userId }),
      /** Something to say to one person; Peer Calls' own page sends objects only. */
      signal: (userId, said) => socket.emit('signal', { userId, signal: { said } }),
    };
  }

  leave() {
    for (const socket of this.#sockets) socket.close();
  }
}
