// A waiting room in a clinic's own words and looks, on client.js: the patient's side, and the doctor's.
// The token of an invitation stands behind `#`, where no server sees it: https://clinic.example.org/#TOKEN

const find = (id) => document.getElementById(id);
const stated = (name) => document.querySelector(`meta[name=${name}]`).content;
const [gateway, room] = [stated('gateway'), stated('room')];
const { createCallObject } = await import(`${gateway}/_roomgate/client.js`);
const call = createCallObject({ gateway, room, token: location.hash.slice(1) || undefined });

// ---- the patient's side

const sentences = {
  'may-knock': 'Please tell us that you are here.',
  denied: 'The doctor cannot see you now. Please try again in a moment.',
  full: 'The doctor is with somebody else. Please stay: you are next.',
  'room-not-open': 'The surgery is not open yet. Please stay: the door opens by itself.',
  banned: 'You cannot come in here.',
};

function show({ access, details }) {
  const waits = details.code === 'waiting';
  if (details.owner) return showDoor();
  if (access.level === 'full') {
    find('said').textContent = 'The doctor is ready for you.';
    location.assign(gateway + details.page);
    return undefined;
  }
  find('guest').hidden = false;
  find('knock').hidden = !['may-knock', 'denied'].includes(details.code);
  find('waits').hidden = !waits;
  find('said').textContent = waits
    ? `${details.name}, ${details.opener ? 'the doctor knows that you are here.' : 'the doctor is not in yet, and will see that you wait.'}`
    : sentences[details.code] ?? 'This room is not open to you.';
  return undefined;
}

async function ask(name, message) {
  try {
    const { granted } = await call.requestAccess({ name, message });
    console.log(granted ? 'let in' : 'not let in');
  } catch (error) {
    find('wrong').textContent = error.retryAfter ? `Please wait ${error.retryAfter} seconds.` : error.message;
  }
}

find('knock').addEventListener('submit', (event) => {
  event.preventDefault();
  const { name, message } = event.target.elements;
  find('wrong').textContent = '';
  ask(name.value, message.value);
});
find('rename').addEventListener('click', () => {
  const name = prompt('Your name');
  if (name) ask(name);
});
find('cancel').addEventListener('click', () => call.cancelRequest());

call.on('access-state-updated', show);
call.on('error', ({ errorMsg }) => console.warn(errorMsg));
call.on('connection-updated', ({ state }) => {
  find('wrong').textContent = state === 'ok' ? '' : 'The connection is interrupted. You stay in line.';
});

// ---- the doctor's side

function line(text, ...buttons) {
  const li = document.createElement('li');
  // What people call themselves is text, and never markup.
  li.append(text, ...buttons.map(([label, press]) => {
    const button = document.createElement('button');
    button.textContent = label;
    button.addEventListener('click', () => press().catch((error) => { find('wrong').textContent = error.message; }));
    return button;
  }));
  return li;
}

function showDoor() {
  find('owner').hidden = false;
  find('guest').hidden = true;
  find('waiting').replaceChildren(...Object.values(call.waitingParticipants()).map(({ id, name, message, version }) => line(
    message ? `${name}: ${message} ` : `${name} `,
    ['Let in', () => call.updateWaitingParticipant(id, { grantRequestedAccess: true, version })],
    ['Not now', () => call.updateWaitingParticipant(id, { grantRequestedAccess: false })],
  )));
  find('inside').replaceChildren(...Object.values(call.participants()).map(({ id, name, you }) => line(
    `${name} `,
    ...(you ? [] : [['Back to the waiting room', () => call.moveToWaitingRoom(id)], ['Send out', () => call.removeParticipant(id)]]),
  )));
  const choice = call.rememberedChoice();
  find('choice').hidden = !choice;
  find('choice').firstElementChild.textContent = choice?.answer === 'allow' ? 'Whoever comes is let in.' : 'Nobody is let in.';
}

for (const news of ['waiting-participant-added', 'waiting-participant-updated', 'waiting-participant-removed', 'presence-updated',
  'remembered-choice-updated']) {
  call.on(news, showDoor);
}
find('everyone').addEventListener('click', () => {
  call.updateWaitingParticipants({ '*': { grantRequestedAccess: true, remember: find('remember').checked } });
});
find('forget').addEventListener('click', () => call.rememberChoice(null));

await call.preAuth().catch((error) => { find('wrong').textContent = error.message; });
