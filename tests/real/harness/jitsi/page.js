// What does Jitsi's own page do? It joins a meeting through lib-jitsi-meet and notes every event, for a test to read.
/* global JitsiMeetJS */

window.events = [];
window.said = [];

/** `options`: `transport` ('ws' or 'bosh'), `origin` of the signalling where it is not the page's, `token`, `domain`, `name`. */
window.meet = (options = {}) => {
  const origin = options.origin ?? window.location.origin;
  const domain = options.domain ?? 'localhost';
  const room = options.room ?? window.room;
  const note = (name, ...details) => window.events.push({ name, details: details.map((one) => (typeof one === 'object' ? String(one?.message ?? one) : one)), at: Date.now() });
  JitsiMeetJS.setLogLevel(JitsiMeetJS.logLevels.ERROR);
  JitsiMeetJS.init({ disableAudioLevels: true, disableThirdPartyRequests: true, enableAnalyticsLogging: false });
  const address = options.transport === 'bosh' ? `${origin}/http-bind` : `${origin.replace(/^http/, 'ws')}/xmpp-websocket`;
  const connection = new JitsiMeetJS.JitsiConnection(null, options.token, {
    hosts: { domain, muc: 'conference.localhost', focus: 'focus.localhost' },
    serviceUrl: `${address}?room=${room}`,
    clientNode: 'http://jitsi.org/jitsimeet',
    websocketKeepAlive: options.keepAlive ?? -1,
    enableWebsocketResume: true,
    p2p: { enabled: false },
    testing: {},
  });
  window.connection = connection;
  for (const name of Object.values(JitsiMeetJS.events.connection)) connection.addEventListener(name, (...details) => note(name, ...details));
  connection.addEventListener(JitsiMeetJS.events.connection.CONNECTION_ESTABLISHED, () => {
    if (window.conference) return;
    const conference = connection.initJitsiConference(room, { p2p: { enabled: false }, openBridgeChannel: false, testing: {} });
    window.conference = conference;
    for (const name of new Set(Object.values(JitsiMeetJS.events.conference))) conference.on(name, (...details) => note(name, ...details));
    conference.on(JitsiMeetJS.events.conference.MESSAGE_RECEIVED, (id, text) => window.said.push(text));
    if (options.name) conference.setDisplayName(options.name);
    conference.join();
  });
  connection.connect();
};
