// Who sits before the screen? A person is a browser context: cookies of their own, windows of their own.

import { accessSync, constants } from 'node:fs';
import { chromium } from 'playwright-core';

import { eventually } from './process.mjs';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/opt/google/chrome/chrome'];
const flags = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Two pages of one machine meet over the loopback, whatever networks there are.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function executable() {
  const candidates = process.env.ROOMGATE_CHROMIUM ? [process.env.ROOMGATE_CHROMIUM] : places;
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error(`no browser at ${candidates.join(', ')}; ROOMGATE_CHROMIUM can name one`);
  return found;
}

/** One browser, empty of people. */
export async function openBrowser() {
  const browser = await chromium.launch({ executablePath: executable(), args: flags, headless: true });
  return {
    /** A person with a fresh browser; `requests` are the addresses and Referers of all that their pages ask for. */
    async person(options = {}) {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], locale: 'en-US', ...options });
      context.setDefaultTimeout(10_000);
      await context.addInitScript(rememberConnections);
      const requests = [];
      context.on('request', (request) => requests.push({ url: request.url(), referer: request.headers().referer ?? '' }));
      return {
        context,
        requests,
        page: () => context.newPage(),
        leave: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

// Runs in every page before its own scripts.
function rememberConnections() {
  const Socket = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      const seen = { opened: 0, closed: 0, code: 0 };
      window.sockets.push(seen);
      this.addEventListener('open', () => { seen.opened = Date.now(); });
      this.addEventListener('close', ({ code }) => Object.assign(seen, { closed: Date.now(), code }));
    }
  };

  const Native = window.RTCPeerConnection;
  const all = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...given) {
      super(...given);
      all.push(this);
    }
  };
  window.decodedFrames = async () => {
    let most = 0;
    for (const connection of all) {
      for (const row of (await connection.getStats()).values()) {
        if (row.type === 'inbound-rtp' && row.kind === 'video') most = Math.max(most, row.framesDecoded ?? 0);
      }
    }
    return most;
  };
}

/** The page's WebSockets since it was loaded: `{ opened, closed, code }`, times in milliseconds, 0 for never. */
export const sockets = (page) => page.evaluate(() => window.sockets);

/** Every address in the tab's history, the present one last. */
export async function history(page) {
  const session = await page.context().newCDPSession(page);
  const { entries } = await session.send('Page.getNavigationHistory');
  await session.detach();
  return entries.map(({ url }) => url);
}

/** How many pictures of others this page has decoded: of whom it has seen most. */
export const framesDecoded = (page) => page.evaluate(() => window.decodedFrames()).catch(() => 0);

/** Waits until the page really plays somebody else's video. */
export async function seesSomebody(page, who = 'the page') {
  await eventually(`ten pictures of somebody else decoded by ${who}`, async () => (await framesDecoded(page)) >= 10, {
    within: 30_000,
    every: 200,
  });
}
