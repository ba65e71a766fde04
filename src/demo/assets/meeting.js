// A meeting of a few: everybody sends their picture straight to everybody else. Whoever comes calls those who are there.

const you = JSON.parse(document.getElementById('you').textContent);
const find = (id) => document.getElementById(id);
const room = encodeURIComponent(you.room);
const peers = new Map();
const goodbyes = {
  1001: 'The meeting server is closing. Please come back in a moment.',
  1013: 'This meeting is full.',
  4401: 'Your invitation has ended, and with it your visit.',
  4403: 'A host has ended your visit.',
  4404: 'This room has been closed.',
  4408: 'A host has asked you to wait outside. Reload this page to knock again.',
};

document.title = you.room;
find('room').textContent = you.room;
find('name').textContent = you.name;
find('role').textContent = you.owner ? ', the owner' : '';
find('door').href = `/_roomgate/door?room=${room}`;
find('door').hidden = !you.owner;

const picture = drawn(you.name);
const mine = new MediaStream([picture, silence()]);
show('me', `${you.name} (you)`, mine).muted = true;

const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws?room=${room}`);
socket.onmessage = async ({ data }) => {
  const news = JSON.parse(data);
  if (news.type === 'welcome') {
    for (const [id, person] of Object.entries(news.people)) await call(peer(Number(id), person));
  }
  if (news.type === 'joined') peer(news.id, news.person);
  if (news.type === 'left') forget(news.id);
  if (news.type === 'signal') await hear(news.from, news.data);
  count();
};
socket.onclose = ({ code }) => {
  for (const id of [...peers.keys()]) forget(id);
  find('status').classList.add('over');
  find('status').textContent = goodbyes[code] ?? 'The connection to the meeting has ended. Reload this page to come back.';
};

find('camera').onclick = async () => {
  try {
    const own = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    for (const track of own.getTracks()) {
      const old = mine.getTracks().find((one) => one.kind === track.kind);
      mine.removeTrack(old);
      mine.addTrack(track);
      for (const { link } of peers.values()) {
        await link.getSenders().find((sender) => sender.track?.kind === track.kind)?.replaceTrack(track);
      }
    }
    find('camera').hidden = true;
  } catch {
    find('camera').textContent = 'No camera: showing a drawing instead';
  }
};

function peer(id, person) {
  const link = new RTCPeerConnection({ iceServers: [] });
  for (const track of mine.getTracks()) link.addTrack(track, mine);
  link.onicecandidate = ({ candidate }) => candidate && say(id, { candidate });
  link.ontrack = ({ streams }) => { find(`person-${id}`).querySelector('video').srcObject = streams[0]; };
  show(id, person.owner ? `${person.name}, owner` : person.name, null);
  // One thing after another: a candidate must not overtake the description it belongs to.
  const one = { id, link, turn: Promise.resolve() };
  peers.set(id, one);
  return one;
}

async function call({ id, link }) {
  await link.setLocalDescription();
  say(id, { description: link.localDescription });
}

function hear(from, { description, candidate }) {
  const one = peers.get(from);
  if (!one) return undefined;
  one.turn = one.turn.then(async () => {
    if (candidate) await one.link.addIceCandidate(candidate);
    if (!description) return;
    await one.link.setRemoteDescription(description);
    if (description.type === 'offer') await call(one);
  }).catch((fault) => console.warn('a peer said something unclear', fault));
  return one.turn;
}

function say(to, data) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ to, data }));
}

function forget(id) {
  peers.get(id)?.link.close();
  peers.delete(id);
  find(`person-${id}`)?.remove();
}

function show(id, name, stream) {
  const figure = document.createElement('figure');
  const video = document.createElement('video');
  const caption = document.createElement('figcaption');
  figure.id = `person-${id}`;
  Object.assign(video, { autoplay: true, playsInline: true, srcObject: stream });
  caption.textContent = name;
  figure.append(video, caption);
  find('people').append(figure);
  return video;
}

function count() {
  const others = peers.size;
  find('status').textContent = others === 0 ? 'You are alone here.' : `${others + 1} people are here.`;
}

// A coloured face with a moving hand: shows at a glance whose picture it is, and that it is live.
function drawn(name) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const brush = canvas.getContext('2d');
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  setInterval(() => {
    const turn = Date.now() / 700;
    brush.fillStyle = `hsl(${hue} 45% 35%)`;
    brush.fillRect(0, 0, 320, 240);
    brush.fillStyle = 'white';
    brush.font = '96px sans-serif';
    brush.textAlign = 'center';
    brush.fillText([...name][0].toUpperCase(), 160, 152);
    brush.fillRect(152 + 110 * Math.cos(turn), 112 + 90 * Math.sin(turn), 16, 16);
  }, 66);
  return canvas.captureStream(15).getVideoTracks()[0];
}

function silence() {
  return new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
}
