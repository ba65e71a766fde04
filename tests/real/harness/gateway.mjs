// What is judged? The built gateway, from a configuration in a directory of its own.

import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { freePort, Program } from './process.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const built = process.env.ROOMGATE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/roomgate');

/** The program's path; tells how to build it where it is not there. */
export function program() {
  if (!existsSync(built)) throw new Error(`${built} is not built yet: cargo build`);
  return built;
}

/**
 * Starts the gateway in front of `upstream`; `rooms`, `more` and `upstreamMore` (what the profile needs) are TOML, `page` is where the rooms'
 * pages are, `files` are what the configuration speaks of, by name; `serverMore` are further keys of `[server]`.
 */
export async function startGateway({ upstream, rooms, profile = 'peercalls', page = '/call/', upstreamMore = '', serverMore = '', more = '', files = {} }) {
  const directory = await mkdtemp(join(tmpdir(), 'roomgate-test-'));
  const [port, admin] = [await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${port}`;
  const secret = randomBytes(32).toString('hex');
  const config = join(directory, 'roomgate.toml');
  await writeFile(join(directory, 'token.secret'), secret);
  await writeFile(join(directory, 'session.secret'), randomBytes(32).toString('hex'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  await writeFile(config, `
[server]
listen = "127.0.0.1:${port}"
public_url = "${origin}"
admin_listen = "127.0.0.1:${admin}"
${serverMore}
[upstream]
url = "${upstream}"
profile = "${profile}"
${upstreamMore}
[tokens]
leeway = "0s"
[[tokens.key]]
id = "main"
algorithm = "HS256"
secret_file = "token.secret"
[session]
secret_file = "session.secret"
[store]
kind = "sqlite"
path = "roomgate.db"
${more}
${rooms}
`);

  let running;
  let earlier = '';
  const minted = [];
  const start = async () => {
    running = new Program(program(), ['serve', '--config', config, '--log', 'debug', '--drain', '1']);
    await running.answers(`http://127.0.0.1:${admin}/readyz`);
  };
  const stop = async () => {
    await running.stop();
    earlier += running.said();
  };
  try {
    await start();
  } catch (error) {
    await running?.stop();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }

  return {
    origin,
    /** Every token that was ever made for this gateway. */
    minted,
    /** All that the gateway wrote, of every run. */
    said: () => earlier + (running.running ? running.said() : ''),
    metrics: () => fetch(`http://127.0.0.1:${admin}/metrics`).then((answer) => answer.text()),
    /** A link as `roomgate token` prints it. */
    async link(room, ...options) {
      const { stdout } = await promisify(execFile)(program(), ['token', '--config', config, '--room', room, ...options]);
      const link = stdout.split(/\s+/).find((word) => word.startsWith('http'));
      if (!link) throw new Error(`no link in what \`roomgate token\` printed: ${stdout}`);
      minted.push(new URL(link).searchParams.get('t'));
      return link;
    },
    /** A link with any claims, signed by any secret: what `roomgate token` would not make. */
    forge(room, claims, key = secret) {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'main' })}.${part(claims)}`;
      const token = `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
      minted.push(token);
      return `${origin}${page}${room}?t=${token}`;
    },
    /** The same gateway again: same configuration, secrets and database. */
    async restart() {
      await stop();
      await start();
    },
    async stop() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
