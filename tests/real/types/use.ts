// Does TypeScript understand a page that uses all of client.js? Compiled by client.test.mjs, never run.

import Client, {
  ACCESS_LEVEL_FULL, createCallObject, DAILY_ACCESS_UNKNOWN, type AccessState, type CallError, type CallObject, type WaitingParticipant,
} from '../../../src/web/assets/client.js';

const call: CallObject = createCallObject({ url: 'https://meet.example.org/standup', token: 'x' });
const other: CallObject = Client.createCallObject({ room: 'standup', gateway: 'https://meet.example.org' });

async function guest(): Promise<boolean> {
  const { access } = await call.preAuth();
  if (access === DAILY_ACCESS_UNKNOWN || access.level === 'none') return false;
  if (access.level === ACCESS_LEVEL_FULL) return true;
  try {
    const { granted } = await call.requestAccess({ name: 'Ben', message: 'Hello', access: { level: 'full' } });
    return granted;
  } catch (error) {
    const { code, retryAfter } = error as CallError;
    console.log(code, retryAfter ?? 0);
    await call.cancelRequest();
    return false;
  }
}

async function owner(): Promise<void> {
  const waiting: WaitingParticipant[] = Object.values(other.waitingParticipants());
  for (const { id, version } of waiting) await other.updateWaitingParticipant(id, { grantRequestedAccess: true, version });
  const { ids, conflicts } = await other.updateWaitingParticipants({ '*': { grantRequestedAccess: false, remember: true } });
  console.log(ids.length, conflicts.map((one) => one.by));
  await other.rememberChoice(other.rememberedChoice() ? null : 'allow');
  const [first] = Object.values(other.participants());
  if (first && !first.you) {
    await other.moveToWaitingRoom(first.id);
    await other.removeParticipant(first.id, { ban: true, lasting: true, network: false });
  }
  for (const id of Object.keys(other.bannedParticipants())) await other.liftBan(id);
}

call
  .on('access-state-updated', ({ access, awaitingAccess, details, action, callClientId }) => {
    const state: AccessState = awaitingAccess ? { access, awaitingAccess } : { access };
    console.log(state, details.opener, action, callClientId);
  })
  .once('error', ({ errorMsg, error }) => console.log(errorMsg, error?.type === 'exp-token'))
  .on('waiting-participant-removed', ({ participant, outcome, by }) => console.log(participant.name, outcome, by))
  .on('connection-updated', ({ state }) => console.log(state === 'interrupted'));

// @ts-expect-error There is no such event.
call.on('joined-meeting', () => {});
// @ts-expect-error Only full access can be asked for.
void call.requestAccess({ name: 'Ben', access: { level: 'lobby' } });

void guest();
void owner();
void call.destroy();
