// What does Jitsi's web server answer? A page for every room, its scripts, and, as its nginx does, the way to Prosody and jicofo.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const libraries = {
  '/libs/page.js': file('jitsi/page.js'),
  '/libs/jquery.min.js': file('../node_modules/jquery/dist/jquery.min.js'),
  '/libs/lib-jitsi-meet.min.js': file('../node_modules/@lyno/lib-jitsi-meet/lib-jitsi-meet.min.js'),
};
const converse = file('../node_modules/converse.js/dist/');
const kinds = { js: 'text/javascript', css: 'text/css', html: 'text/html; charset=utf-8', json: 'application/json' };

/**
 * Listens on a free port. Whatever an upgrade or a request has of `/xmpp-websocket` or `/http-bind` in its path goes to Prosody, at whatever
 * depth and however written: nginx's rules for Jitsi are as generous, and the gateway must not lean on them.
 */
export async function startJitsiWeb({ xmpp, focus }) {
  const requests = [];
  const sockets = new Set();
  const server = http.createServer(async (request, response) => {
    requests.push({ method: request.method, target: request.url, headers: request.headers });
    const path = decoded(request.url.split('?')[0]);
    if (path.includes('/http-bind')) return onward(request, response, xmpp, '/http-bind');
    if (path.includes('/xmpp-websocket')) return onward(request, response, xmpp, '/xmpp-websocket');
    if (path.includes('/conference-request/v1')) return onward(request, response, focus, '/conference-request/v1');
    const [body, kind] = await answer(posix.normalize(path), query(request.url)).catch(() => [null]);
    if (body === null) response.statusCode = 404;
    else response.setHeader('content-type', kinds[kind] ?? 'application/octet-stream');
    return response.end(body ?? 'not here');
  });
  server.on('upgrade', (request, client, early) => {
    requests.push({ method: request.method, target: request.url, headers: request.headers });
    if (!decoded(request.url.split('?')[0]).includes('/xmpp-websocket')) return client.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    const upstream = net.connect(xmpp, '127.0.0.1');
    upstream.write(head(request, '/xmpp-websocket'));
    upstream.write(early);
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    return undefined;
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    requests,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const query = (url) => (url.includes('?') ? url.slice(url.indexOf('?')) : '');

function onward(request, response, port, path) {
  const next = http.request(
    { host: '127.0.0.1', port, method: request.method, path: path + query(request.url), headers: request.rawHeaders, setHost: false },
    (answered) => {
      response.writeHead(answered.statusCode, answered.rawHeaders);
      answered.pipe(response);
    },
  );
  next.on('error', () => response.destroy());
  response.on('close', () => next.destroy());
  request.pipe(next);
}

function head(request, path) {
  let text = `${request.method} ${path}${query(request.url)} HTTP/1.1\r\n`;
  for (let at = 0; at < request.rawHeaders.length; at += 2) text += `${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}

async function answer(path, asked) {
  const name = path.split('/').pop();
  if (libraries[path]) return [await readFile(libraries[path]), 'js'];
  if (path.startsWith('/libs/converse/') && !path.includes('..')) {
    return [await readFile(converse + path.slice('/libs/converse/'.length)), name.split('.').pop()];
  }
  // Prosody's lists of rooms, which stock installations leave open.
  if (['/room-census', '/room-size', '/room', '/sessions', '/_api/room-info'].includes(path)) {
    return ['{"room_census":[{"room_name":"private@conference.localhost","participants":1}]}', 'json'];
  }
  if (/\.(js|css|json|png|ico|map|mp3|ttf|woff2?|svg|wasm)$/.test(path)) return [null];
  const page = asked.includes('client=converse') ? 'jitsi/converse.html' : 'jitsi/page.html';
  return [await readFile(file(page), 'utf8').then((text) => text.replaceAll('{{room}}', encodeURIComponent(name).replaceAll("'", '%27'))), 'html'];
}
