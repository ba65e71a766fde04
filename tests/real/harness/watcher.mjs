// Who came into a room of Prosody's, and who left it, and when? Somebody quiet inside, who did not come through the gateway.

import { join, login, stanzas, Wire } from './xmpp.mjs';

export async function watch(port, name) {
  const wire = await Wire.open({ port });
  await login(wire);
  const room = `${name}@conference.localhost`;
  wire.send(join(`${room}/watcher`));
  if (!(await wire.until(/code='110'/))) throw new Error('the watcher could not go in');
  const presences = () => wire.heard.flatMap((text, at) => stanzas(text).filter((one) => one.is('presence')).map((one) => ({ one, at: wire.at[at] })));
  const nick = ({ one }) => one.attrs.from.split('/')[1];
  return {
    /** Who came: `{ nick, at }`. */
    came: () => presences().filter((each) => !each.one.attrs.type && nick(each) !== 'watcher').map((each) => ({ nick: nick(each), at: each.at })),
    /** Who left, with the status codes that tell how. */
    left: () => presences().filter((each) => each.one.attrs.type === 'unavailable').map((each) => ({
      nick: nick(each), at: each.at, codes: (each.one.getChild('x', 'http://jabber.org/protocol/muc#user')?.getChildren('status') ?? []).map(({ attrs }) => attrs.code),
    })),
    heard: () => wire.heard,
    wire,
    leave: () => wire.cut(),
  };
}
