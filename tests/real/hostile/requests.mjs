// What do plain requests allow? The conference request by POST, lists of rooms, pages, and who may read the answers.

const room = 'private@conference.localhost';
const publicRoom = 'public@conference.localhost';
const api = '/conference-request/v1';
const json = { 'Content-Type': 'application/json' };

// Bodies for the conference request: `(mark) => text`.
const bodies = [
  ['the private room', 'works', (mark) => `{"room":"${room}","machineUid":"${mark}"}`],
  ['the private room in capitals', 'works', (mark) => `{"room":"${room.toUpperCase()}","machineUid":"${mark}"}`],
  ['the private room in full-width letters', 'works', (mark) => `{"room":"\uff50rivate@conference.localhost","machineUid":"${mark}"}`],
  ['the private room in escapes', 'works', (mark) => `{"room":"\\u0070rivate@conference.localhost","machineUid":"${mark}"}`],
  ['the key in escapes', 'works', (mark) => `{"r\\u006fom":"${room}","machineUid":"${mark}"}`],
  ['two rooms, the private one last', 'works', (mark) => `{"room":"${publicRoom}","machineUid":"${mark}","room":"${room}"}`],
  ['two rooms, the private one last, its key in escapes', 'works', (mark) => `{"room":"${publicRoom}","machineUid":"${mark}","\\u0072oom":"${room}"}`],
  ['two rooms, the private one first', 'harmless', (mark) => `{"room":"${room}","machineUid":"${mark}","room":"${publicRoom}"}`],
  ['a list of rooms', 'works', (mark) => `{"room":["${room}"],"machineUid":"${mark}"}`],
  ['an object for a room', 'works', (mark) => `{"room":{"room":"${room}"},"machineUid":"${mark}"}`],
  ['the room with a resource', 'works', (mark) => `{"room":"${room}/x","machineUid":"${mark}"}`],
  ['the room with a dot behind its host', 'works', (mark) => `{"room":"${room}.","machineUid":"${mark}"}`],
  ['the room with a tenant', 'works', (mark) => `{"room":"[x]${room}","machineUid":"${mark}"}`],
  ['the private room in a list of requests', 'works', (mark) => `[{"room":"${room}","machineUid":"${mark}"}]`],
  ['the private room behind a NUL', 'works', (mark) => `{"room":"public\\u0000${room}","machineUid":"${mark}"}`],
];

const asked = (eve, target, body, headers = json, method = 'POST') => eve.ask(method, target, { headers, body });

const lists = ['/room-census', '/room-size?room=private', '/room?room=private', '/sessions', '/_api/room-info?room=private', '/%72oom-census', '/room-census/../room-census', '//room-census', '/ROOM-census/../room-census'];
const pages = ['/private', '/Private', '/%70rivate', '/\uff50rivate', '/tenant/../private', '/static/../private', '/static/%2e%2e/private', '/libs/..%2fprivate', '//private', '/private/', '/priv%C2%ADate', '/public/../private', '/private?room=public'];
const meeting = /<title>Meeting private|room = 'private'/i;

export default [
  ...bodies.map(([name, bare, make]) => ({ name: `a conference request for ${name}`, bare, run: (eve) => asked(eve, `${api}?room=public`, make(eve.mark)).then(() => false) })),
  ...[['with the private room in the address', `${api}?room=private`], ['with a tenant', `/tenant${api}?room=public`], ['on a path in percents', `/conference%2drequest/v1?room=public`], ['below a static path', `/static/..${api}`]].map(([name, target]) => ({
    name: `a conference request ${name}`, bare: 'works', run: (eve) => asked(eve, target, bodies[0][2](eve.mark)).then(() => false),
  })),
  { name: 'a conference request as text', bare: 'works', run: (eve) => asked(eve, api, bodies[0][2](eve.mark), { 'Content-Type': 'text/plain' }).then(() => false) },
  { name: 'a conference request by PUT', bare: 'works', run: (eve) => asked(eve, api, bodies[0][2](eve.mark), json, 'PUT').then(() => false) },
  { name: 'a conference request by GET', bare: 'works', run: (eve) => asked(eve, api, bodies[0][2](eve.mark), json, 'GET').then(() => false) },
  { name: 'a conference request from another site’s page, by somebody who may go in', bare: 'works', async run(eve, { insiderTicket }) {
    await asked(eve, `${api}?room=private`, bodies[0][2](eve.mark), { ...json, ...insiderTicket, Origin: 'http://evil.example' });
  } },
  ...lists.map((target) => ({ name: `the list ${target}`, bare: 'works', run: async (eve) => /private@conference/.test((await eve.ask('GET', target))?.body) })),
  ...pages.map((target) => ({ name: `the page ${target}`, bare: target === '/\uff50rivate' || target === '/priv%C2%ADate' || target.endsWith('/') ? 'harmless' : 'works', async run(eve) {
    const answer = await eve.ask('GET', target, { headers: { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' } });
    return answer?.status === 200 && meeting.test(answer.body);
  } })),
  { name: 'an answer that every site may read', bare: 'works', async run(eve) {
    const answer = await eve.ask('POST', '/http-bind?room=public', { headers: { Origin: 'http://evil.example', 'Content-Type': 'text/xml' }, body: '<body/>' });
    return /^access-control-allow-origin: *(\*|http:\/\/evil)/im.test(answer?.head ?? '');
  } },
  { name: 'a question before a request from another site', bare: 'works', async run(eve) {
    const answer = await eve.ask('OPTIONS', '/http-bind?room=public', { headers: { Origin: 'http://evil.example', 'Access-Control-Request-Method': 'POST' } });
    return /^access-control-allow-origin: *(\*|http:\/\/evil)/im.test(answer?.head ?? '');
  } },
  { name: 'what keeps a socket’s address warm', bare: 'harmless', run: async (eve) => /private/.test((await eve.ask('GET', '/xmpp-websocket?room=private'))?.body) },
].map((one) => ({ family: 'requests', door: 'http', ...one }));
