// Who calls the meetings? A stand-in for jicofo that says `ready` to every conference request and notes what it was asked.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

import { Parser, xml } from '@xmpp/xml';

import { componentSecret } from './prosody.mjs';

const domain = 'focus.localhost';
const namespace = 'http://jitsi.org/protocol/focus';

/** Joins Prosody as the component focus.localhost (XEP-0114), and listens for `POST /conference-request/v1` on a port of its own. */
export async function startFocus({ component }) {
  /** Every request, by either door: `{ by: 'stanza' | 'post', room, from, said, headers }`. */
  const asked = [];
  const socket = await attach(component, (iq, answer) => {
    const conference = iq.getChild('conference', namespace);
    if (!conference) return answer({ type: 'result' });
    asked.push({ by: 'stanza', room: conference.attrs.room, from: iq.attrs.from, said: iq.toString(), headers: {} });
    const ready = { xmlns: namespace, room: conference.attrs.room, ready: 'true', focusjid: 'focus@auth.localhost' };
    return answer({ type: 'result' }, xml('conference', ready));
  });

  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const said = Buffer.concat(chunks).toString('utf8');
    let room;
    try {
      ({ room } = JSON.parse(said));
    } catch {
      // Asked in a language that is none; `said` has it.
    }
    asked.push({ by: 'post', room, said, target: request.url, headers: request.headers });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ room, ready: true, focusJid: 'focus@auth.localhost', properties: {} }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: server.address().port,
    asked,
    async stop() {
      socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function attach(port, judge) {
  const socket = net.connect(port, '127.0.0.1');
  const parser = new Parser();
  const accepted = new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('Prosody did not accept the focus component')));
    parser.on('start', ({ attrs }) => {
      socket.write(`<handshake>${createHash('sha1').update(attrs.id + componentSecret).digest('hex')}</handshake>`);
    });
    parser.on('element', (element) => {
      if (element.is('handshake')) resolve();
      if (!element.is('iq') || !['get', 'set'].includes(element.attrs.type)) return;
      const { id, from, to } = element.attrs;
      judge(element, (attributes, ...children) => socket.write(xml('iq', { ...attributes, id, from: to, to: from }, ...children).toString()));
    });
  });
  socket.setEncoding('utf8');
  socket.on('data', (text) => parser.write(text));
  const streams = 'http://etherx.jabber.org/streams';
  socket.write(`<stream:stream xmlns='jabber:component:accept' xmlns:stream='${streams}' to='${domain}'>`);
  await accepted;
  return socket;
}
