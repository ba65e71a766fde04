// Who sits inside, and what do they see? Somebody in the private room, its lobby, a breakout room and a room of bots, straight at Prosody.

import { randomUUID } from 'node:crypto';

import { iq, join, login, say, stanzas, Wire } from './xmpp.mjs';

export const room = 'private@conference.localhost';

/** Goes in, and notes everything from then on. Friends are called `friend-…`; whoever else comes is news. */
export async function seatVictim(port) {
  const wire = await Wire.open({ port });
  const jid = await login(wire);
  const word = randomUUID();
  const victim = {
    jid,
    nick: `victim-${word.slice(0, 8)}`,
    /** Said in the room again and again: whoever has heard it is inside. */
    secret: `secret-${word}`,
    /** All places where the victim is, as bare addresses, and the victim. */
    lobby: 'private@lobby.localhost',
    breakout: `${randomUUID()}@breakout.localhost`,
    bots: 'bots@internal.auth.localhost',
    get places() {
      return [room, victim.lobby, victim.breakout, victim.bots, jid.split('/')[0]];
    },
    /** What came since the start that is neither one's own doing nor a friend's (a friend who speaks with an attacker's mark is none). */
    news: () => wire.heard.slice(begun).filter((text) => !ours.test(text) || text.includes('eve-')),
    /** Everything, friends too. */
    heard: () => wire.heard,
    say: () => victim.places.slice(0, 4).forEach((place) => wire.send(say(place, victim.secret))),
    /** Waits until Prosody has done what it was told before now. */
    async barrier() {
      barriers += 1;
      const from = wire.heard.length;
      wire.send(iq('localhost', `barrier-${barriers}-`, '<ping xmlns="urn:xmpp:ping"/>'));
      if (!(await wire.until(new RegExp(`barrier-${barriers}-`), { from, within: 10_000 }))) throw new Error('the victim is gone');
    },
    leave: () => wire.cut(),
  };
  let barriers = 0;
  for (const place of victim.places.slice(0, 4)) wire.send(join(`${place}/${victim.nick}`));
  await victim.barrier();
  const own = wire.stanzas.filter((one) => one.is('presence') && one.attrs.from.endsWith(victim.nick));
  if (own.length !== 4) throw new Error(`the victim is not where the victim should be: ${wire.heard.join('\n')}`);
  const ours = new RegExp(`from=['"][^'"]*/(${victim.nick}|friend-[^'"]*)['"]|barrier-`);
  const begun = wire.heard.length;
  return victim;
}

/** Whether a text that somebody heard has something in it from where the victim is; a refusal may name what was asked for. */
export function tells(victim, text) {
  return stanzas(text).some((one) => {
    // That a conference is ready is said to everybody; whether the focus was really asked is judged where the focus is.
    if (one.attrs.type === 'error' || one.getChild('conference', 'http://jitsi.org/protocol/focus')) return false;
    const said = one.toString();
    return victim.places.includes((one.attrs.from ?? '').split('/')[0]) || [victim.secret, victim.nick, ...victim.places.map((place) => `"${place}`)].some((word) => said.includes(word));
  });
}
