// What did a server get to see? A proxy in front of it that writes down every request head, body and WebSocket message.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import zlib from 'node:zlib';

/** Listens on a free port of the loopback and passes everything on to `port`. */
export async function record(port) {
  const requests = [];
  const sockets = new Set();
  const server = http.createServer((request, response) => {
    const entry = noted(requests, request);
    const onward = http.request(
      { host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.rawHeaders, setHost: false },
      (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.on('data', (bytes) => entry.said.push(bytes));
    request.pipe(onward);
  });
  server.keepAliveTimeout = 60_000;
  server.on('upgrade', (request, client, early) => {
    const entry = noted(requests, request);
    const upstream = net.connect(port, '127.0.0.1');
    const frames = messages((bytes) => entry.said.push(bytes));
    upstream.write(head(request));
    frames(early);
    upstream.write(early);
    client.on('data', frames);
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: server.address().port,
    /** Every request since the start: `{ method, target, headers, text() }`. */
    requests,
    /** All of it as one text: heads, bodies, and what was inside the WebSocket messages. */
    everything: () => requests.map((entry) => entry.text()).join('\n'),
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function noted(requests, request) {
  const entry = {
    method: request.method,
    target: request.url,
    headers: request.headers,
    said: [],
    text: () => head(request) + Buffer.concat(entry.said).toString('latin1'),
  };
  requests.push(entry);
  return entry;
}

function head({ method, url, rawHeaders }) {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/** Unmasks and inflates a client's frames as they come (RFC 6455 section 5.2, RFC 7692); order is kept. */
function messages(heard) {
  let rest = Buffer.alloc(0);
  let inflated = null;
  let compressed = false;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      if (rest.length < 2) return;
      const opcode = rest[0] & 0x0f;
      const short = rest[1] & 0x7f;
      const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
      const masked = rest[1] & 0x80 ? 4 : 0;
      const start = 2 + wide + masked;
      if (rest.length < start) return;
      const length = wide === 2 ? rest.readUInt16BE(2) : wide === 8 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < start + length) return;
      const payload = Buffer.from(rest.subarray(start, start + length));
      if (masked) {
        const mask = rest.subarray(start - 4, start);
        for (let at = 0; at < length; at += 1) payload[at] ^= mask[at % 4];
      }
      if (opcode === 1 || opcode === 2) compressed = (rest[0] & 0x40) !== 0;
      if (compressed && opcode < 8) {
        if (!inflated) {
          inflated = zlib.createInflateRaw();
          inflated.on('data', heard);
          inflated.on('error', (error) => heard(Buffer.from(`[could not inflate: ${error.message}]`)));
        }
        inflated.write(payload);
        if (rest[0] & 0x80) inflated.write(Buffer.from([0, 0, 0xff, 0xff]));
      } else {
        heard(payload);
      }
      rest = rest.subarray(start + length);
    }
  };
}
