// What stands behind the gateway? A whole Jitsi but for the media: Prosody, a stand-in for jicofo, and a stand-in for its web server.

import { startFocus } from './focus.mjs';
import { startJitsiWeb } from './jitsiweb.mjs';
import { startProsody } from './prosody.mjs';
import { record } from './recorder.mjs';

/** Starts all of it; between the gateway and each of them stands a recorder. */
export async function startJitsi(options) {
  const started = [];
  const stop = async () => {
    for (const one of started.reverse()) await one.stop();
  };
  const start = async (starting) => {
    const one = await starting;
    started.push(one);
    return one;
  };
  try {
    const prosody = await start(startProsody(options));
    const focus = await start(startFocus(prosody));
    const web = await start(startJitsiWeb({ xmpp: prosody.http, focus: focus.port }));
    const [seenByProsody, seenByFocus, seenByWeb] = [
      await start(record(prosody.http)),
      await start(record(focus.port)),
      await start(record(web.port)),
    ];
    const at = ({ port }) => `http://127.0.0.1:${port}`;
    return {
      prosody,
      focus,
      web,
      /** Jitsi without a gateway. */
      origin: at(web),
      recorded: { prosody: seenByProsody, focus: seenByFocus, web: seenByWeb },
      everything: () => [seenByProsody, seenByFocus, seenByWeb].map((one) => one.everything()).join('\n'),
      /** For `startGateway`. */
      gateway: {
        upstream: at(seenByWeb),
        profile: 'jitsi',
        page: '/',
        upstreamMore: `
[upstream.jitsi]
domain = "localhost"
muc = "conference.localhost"
lobby = "lobby.localhost"
breakout = "breakout.localhost"
focus = "focus.localhost"
guest = "guest.localhost"
xmpp_url = "${at(seenByProsody)}"
conference_request_url = "${at(seenByFocus)}"
`,
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
