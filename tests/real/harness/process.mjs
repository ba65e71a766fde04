// How is a program started on a free port, listened to, and stopped by its own id?

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port of the loopback that nobody listens on now. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again and again until the answer is truthy; tells what it waited for when it never is. */
export async function eventually(what, ask, { within = 15_000, every = 50 } = {}) {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${within} ms in vain for: ${what}`);
    await sleep(every);
  }
}

/** A running program; `said()` is all it wrote to its standard output and error. */
export class Program {
  #child;
  #said = [];
  #ended;

  constructor(command, args, options = {}) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => { this.#said.push(Buffer.from(`${error}\n`)); resolve(); });
      this.#child.once('close', resolve);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', (bytes) => this.#said.push(bytes));
  }

  said() {
    return Buffer.concat(this.#said).toString('utf8');
  }

  get running() {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for an address to answer 200; a program that ended says why in the error. */
  async answers(url) {
    await eventually(`an answer from ${url}`, async () => {
      if (!this.running) throw new Error(`the program ended before it answered:\n${this.said()}`);
      return fetch(url).then((answer) => answer.ok, () => false);
    }, { within: 30_000 });
  }

  /** Asks to end, and after `patience` milliseconds no longer asks. */
  async stop({ signal = 'SIGTERM', patience = 5_000 } = {}) {
    if (this.running) this.#child.kill(signal);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    await this.#ended;
    clearTimeout(late);
  }
}
