// What stands behind the gateway? The real Peer Calls 3.0.21, which lets everybody in everywhere.

import { fileURLToPath } from 'node:url';

import { freePort, Program } from './process.mjs';
import { record } from './recorder.mjs';

/** Starts the server, with a recorder in front of it. */
export async function startPeerCalls() {
  const port = await freePort();
  const server = new Program(process.execPath, [fileURLToPath(new URL('../node_modules/peer-calls/lib/index.js', import.meta.url))], {
    // The default ICE servers are somebody's on the internet.
    env: { ...process.env, BIND: '127.0.0.1', PORT: String(port), PEERCALLS__ICE_SERVERS: '[]' },
  });
  await server.answers(`http://127.0.0.1:${port}/`);
  const recorder = await record(port);
  return {
    origin: `http://127.0.0.1:${recorder.port}`,
    requests: recorder.requests,
    everything: recorder.everything,
    async stop() {
      await recorder.stop();
      await server.stop();
    },
  };
}

/** In a Peer Calls page: says who one is and joins. */
export async function join(page, nickname) {
  await page.getByPlaceholder('Nickname').fill(nickname);
  await page.getByRole('button', { name: 'Join Call' }).click();
}
