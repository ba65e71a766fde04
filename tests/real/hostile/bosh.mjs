// What does BOSH allow (XEP-0124, XEP-0206)? Bodies in other namespaces and encodings, unfinished ones, ones out of order, ones of others.

import { gzipSync } from 'node:zlib';

import { auth, bind, exchange, httpbind, join, muc, request } from '../harness/xmpp.mjs';

const honest = (eve) => join(`public@conference.localhost/${eve.mark}`);
const utf16 = (text, mark = '\ufeff') => Buffer.from(mark + text, 'utf16le');
const bigEndian = (text) => utf16(text).swap16();
const raw = (eve, session, head, body) => session.bytes(request(eve.port, 'POST', '/http-bind?room=public', { ...eve.ticket, ...head }, body), { within: 700 });

// Bodies of somebody who is logged in: `(session, eve) => …`.
const cases = [
  ['two stanzas in one body', 'works', (session, eve) => session.send(honest(eve) + join(eve.goal))],
  ['a stanza in the namespace of the body', 'works', (session, eve) => session.send(`<presence to="${eve.goal}"><x xmlns="${muc}"/></presence>`)],
  ['a prefix on the body', 'works', (session, eve) => {
    session.rid += 1;
    return session.post(`<b:body xmlns:b="${httpbind}" rid="${session.rid}" sid="${session.sid}">${join(eve.goal)}</b:body>`);
  }],
  ['a stanza with the prefix of the body', 'works', (session, eve) => {
    session.rid += 1;
    return session.post(`<b:body xmlns:b="${httpbind}" rid="${session.rid}" sid="${session.sid}"><b:presence to="${eve.goal}"><x xmlns="${muc}"/></b:presence></b:body>`);
  }],
  ['a body without its end', 'works', (session, eve) => session.post(session.body(join(eve.goal)).replace('</body>', ''))],
  ['a body that is malformed behind the stanza', 'works', (session, eve) => session.post(session.body(`${join(eve.goal)}<`))],
  ['a second body behind the first', 'works', (session, eve) => session.post(`${session.body(join(eve.goal))}<body/>`)],
  ['a text between the stanzas', 'works', (session, eve) => session.send(`a${honest(eve)}b${join(eve.goal)}c`)],
  ['a `from` on the body', 'works', (session, eve) => session.post(session.body(join(eve.goal), 'from="public@conference.localhost"'))],
  ['a `to` on the body', 'works', (session, eve) => session.post(session.body(join(eve.goal), 'to="localhost"'))],
  ['a stanza along with the end of the session', 'works', (session, eve) => session.post(session.body(join(eve.goal), 'type="terminate"'))],
  ['a stanza along with a restart', 'works', (session, eve) => session.post(session.body(join(eve.goal), 'xmpp:restart="true" to="localhost" xmlns:xmpp="urn:xmpp:xbosh"'))],
  ['the next but one first, then the next', 'works', async (session, eve) => {
    const next = session.body('');
    await Promise.all([session.send(join(eve.goal)), new Promise((resolve) => setTimeout(resolve, 100)).then(() => session.post(next))]);
  }],
  ['UTF-16 with a byte order mark', 'works', (session, eve) => session.post(utf16(session.body(join(eve.goal))))],
  ['UTF-16, big end first', 'works', (session, eve) => session.post(bigEndian(session.body(join(eve.goal))))],
  ['UTF-16 without a byte order mark', 'works', (session, eve) => session.post(utf16(session.body(join(eve.goal)), ''))],
  ['a byte order mark', 'works', (session, eve) => session.post(`\ufeff${session.body(join(eve.goal))}`)],
  ['an XML declaration', 'works', (session, eve) => session.post(`<?xml version="1.0" encoding="utf-8"?>${session.body(join(eve.goal))}`)],
  ['text/plain, as when a page is left', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { headers: { 'Content-Type': 'text/plain;charset=UTF-8' } })],
  ['a form by its content type', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })],
  ['another address than before', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { path: '/http-bind?room=private' })],
  ['no address of a room', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { path: '/http-bind' })],
  ['a tenant in the address', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { path: '/tenant/http-bind?room=public' })],
  ['a body in chunks', 'harmless', (session, eve) => {
    const body = Buffer.from(session.body(join(eve.goal)));
    const chunks = [body.subarray(0, 30), body.subarray(30)].map((part) => Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
    return session.bytes(Buffer.concat([request(eve.port, 'POST', '/http-bind?room=public', { ...eve.ticket, 'Content-Length': null, 'Transfer-Encoding': 'chunked' }), ...chunks, Buffer.from('0\r\n\r\n')]));
  }],
  ['two requests in one write, the second behind the first', 'works', (session, eve) => {
    const [one, two] = [session.body(''), session.body(join(eve.goal))];
    const keep = { ...eve.ticket, Connection: 'keep-alive' };
    return session.bytes(Buffer.concat([request(eve.port, 'POST', '/http-bind?room=public', keep, one), request(eve.port, 'POST', '/http-bind?room=public', keep, two)]));
  }],
  ['a request with its address in full', 'works', (session, eve) => session.post(session.body(join(eve.goal)), { path: `http://127.0.0.1:${eve.port}/http-bind?room=public` })],
  ['a body in gzip', 'harmless', (session, eve) => session.post(gzipSync(session.body(join(eve.goal))), { headers: { 'Content-Encoding': 'gzip' } })],
  ['UTF-16 by declaration', 'harmless', (session, eve) => session.post(`<?xml version="1.0" encoding="utf-16"?>${session.body(join(eve.goal))}`)],
  ['a document type before the body', 'harmless', (session, eve) => session.post(`<!DOCTYPE body [<!ENTITY g "${eve.goal}">]>${session.body(join('&g;'))}`)],
  ['a comment in the body', 'harmless', (session, eve) => session.send(`<!-- -->${join(eve.goal)}`)],
  ['a body within the body', 'harmless', (session, eve) => session.send(`<body xmlns="${httpbind}">${join(eve.goal)}</body>`)],
  ['a request id that was answered', 'harmless', async (session, eve) => {
    session.rid -= 1;
    await session.send(join(eve.goal));
  }],
  ['a request id far ahead', 'harmless', (session, eve) => { session.rid += 50; return session.send(join(eve.goal)); }],
  ['no request id', 'harmless', (session, eve) => session.post(`<body sid="${session.sid}" xmlns="${httpbind}">${join(eve.goal)}</body>`)],
  ['two session ids', 'harmless', (session, eve) => session.post(session.body(join(eve.goal), `sid="${session.sid}"`))],
  ['PUT', 'harmless', (session, eve) => session.post(session.body(join(eve.goal)), { method: 'PUT' })],
  ['GET with a body', 'harmless', (session, eve) => session.post(session.body(join(eve.goal)), { method: 'GET' })],
  ['PUT that says it is POST', 'harmless', (session, eve) => session.post(session.body(join(eve.goal)), { method: 'PUT', headers: { 'X-HTTP-Method-Override': 'POST' } })],
  ['two different lengths', 'harmless', (session, eve) => {
    const body = session.body(join(eve.goal));
    return raw(eve, session, { 'Content-Length': `5\r\nContent-Length: ${body.length}` }, body);
  }],
  ['a length and chunks', 'harmless', (session, eve) => raw(eve, session, { 'Transfer-Encoding': 'chunked', 'Content-Length': '5' },
    `0\r\n\r\n${request(eve.port, 'POST', '/http-bind?room=private', {}, session.body(join(eve.goal)))}`)],
  ['a body cut short', 'harmless', (session, eve) => {
    const body = session.body(join(eve.goal));
    return raw(eve, session, { 'Content-Length': String(body.length + 10) }, body);
  }],
];

export default [
  ...cases.map(([name, bare, act]) => ({ door: 'bosh', name, bare, async run(eve) { await act(await eve.bosh(), eve); } })),
  { door: 'bosh', name: 'a session of the guests’ host', bare: 'works', async run(eve) { await (await eve.bosh({ domain: 'guest.localhost' })).send(join(eve.goal)); } },
  { door: 'bosh', name: 'the login along with the first body', bare: 'works', async run(eve) {
    const session = eve.session();
    const created = await session.post(`<body rid="${session.rid}" hold="1" wait="5" to="localhost" ver="1.6" xmpp:version="1.0" xmlns="${httpbind}" xmlns:xmpp="urn:xmpp:xbosh">${auth}</body>`);
    session.sid = /\bsid=['"]([^'"]+)/.exec(created)?.[1];
    await session.post(session.body(bind + join(eve.goal), 'xmpp:restart="true" to="localhost" xmlns:xmpp="urn:xmpp:xbosh"'));
    await session.send(join(eve.goal));
  } },
  { door: 'bosh', name: 'a session made for the private room', bare: 'works', async run(eve) { await (await eve.bosh({ path: '/http-bind?room=private' })).send(join(eve.goal)); } },
  { door: 'bosh', name: 'a session made for two rooms', bare: 'works', async run(eve) { await (await eve.bosh({ path: '/http-bind?room=public&room=private' })).send(join(eve.goal)); } },
  { door: 'bosh', name: 'a session made for no room', bare: 'works', async run(eve) { await (await eve.bosh({ path: '/http-bind' })).send(join(eve.goal)); } },
  ...['/a/b/http-bind', '/a%2fhttp-bind', '/%68ttp-bind', '//http-bind', '/http-bind/', '/http-bindANYTHING', '/private/%2e%2e/http-bind', '/static/../http-bind'].map((path) => ({
    door: 'bosh', name: `the path ${path}`, bare: 'works', async run(eve) { await (await eve.bosh({ path: `${path}?room=public` })).send(join(eve.goal)); },
  })),
  { door: 'bosh', name: 'the session of somebody who is inside, its id known', bare: 'works', async run(eve, { friend }) {
    const other = await friend('bosh');
    await eve.bytes(request(eve.port, 'POST', '/http-bind?room=public', eve.ticket, other.body(`<message to="private@conference.localhost" type="groupchat" xmlns="jabber:client"><body>${eve.mark}</body></message>`)));
  } },
  { door: 'bosh', name: 'the session of somebody who is inside, as Prosody knows it', bare: 'works', async run(eve, { insider }) {
    const other = await insider('bosh');
    await eve.bytes(request(eve.port, 'POST', '/http-bind?room=public', eve.ticket, other.body(`<message to="private@conference.localhost" type="groupchat" xmlns="jabber:client"><body>${eve.mark}</body></message>`)));
  } },
  { door: 'bosh', name: 'no ticket at all', bare: 'works', async run(eve) {
    const session = eve.session();
    await session.login();
    const body = request(eve.port, 'POST', '/http-bind?room=public', {}, session.body(join(eve.goal)));
    await exchange(eve.port, body, { within: 700, heard: (one) => session.heard.push(one.body) });
  } },
].map((one) => ({ family: 'BOSH', ...one }));
