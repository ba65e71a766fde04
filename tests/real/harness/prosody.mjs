// Which XMPP server stands behind Jitsi? Debian's real Prosody, set up as Jitsi sets it up, in a directory of its own.

import { readFileSync } from 'node:fs';
import { chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, Program } from './process.mjs';

const returning = fileURLToPath(new URL('prosody/mod_auth_returning.lua', import.meta.url));

/** What the focus component says to be let in. */
export const componentSecret = 'between-two-ports-of-one-machine';

/** Prosody refuses to run as root; Debian's package brings a user for it. */
function account() {
  if (process.getuid() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((one) => one.startsWith('prosody:'));
  if (!line) throw new Error("there is no user `prosody`: Debian's package prosody brings it");
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/**
 * Starts the server: virtual hosts localhost and guest.localhost (anybody), auth.localhost (passwords), rooms, lobbies, breakout rooms,
 * an inner host for rooms of bots, and a place for the focus. A session that was cut can be resumed for `patience` seconds.
 */
export async function startProsody({ patience = 60 } = {}) {
  const [http, component] = [await freePort(), await freePort()];
  const { uid, gid } = account();
  const directory = await mkdtemp(join(tmpdir(), 'roomgate-prosody-'));
  const config = join(directory, 'prosody.cfg.lua');
  await Promise.all([mkdir(join(directory, 'data')), mkdir(join(directory, 'plugins'))]);
  await copyFile(returning, join(directory, 'plugins', 'mod_auth_returning.lua'));
  await writeFile(config, `
pidfile = "${directory}/prosody.pid"
data_path = "${directory}/data"
plugin_paths = { "${directory}/plugins" }
daemonize = false
log = { { levels = { min = "info" }, to = "console" } }
interfaces = { "127.0.0.1" }
c2s_ports = {}
c2s_require_encryption = false
http_ports = { ${http} }
http_interfaces = { "127.0.0.1" }
https_ports = {}
http_default_host = "localhost"
trusted_proxies = { "127.0.0.1" }
component_ports = { ${component} }
component_interfaces = { "127.0.0.1" }
modules_enabled = { "roster", "saslauth", "disco", "ping", "posix", "time", "version", "smacks", "bosh", "websocket" }
modules_disabled = { "s2s", "offline", "register", "tls" }
consider_bosh_secure = true
consider_websocket_secure = true
smacks_hibernation_time = ${patience}
storage = "memory"
network_backend = "epoll"

VirtualHost "localhost"
  authentication = "returning"
VirtualHost "guest.localhost"
  authentication = "returning"
VirtualHost "auth.localhost"
  authentication = "internal_hashed"
Component "conference.localhost" "muc"
  muc_room_locking = false
  muc_room_default_public = true
  muc_room_default_public_jids = true
  muc_tombstones = false
Component "lobby.localhost" "muc"
  muc_room_locking = false
  muc_room_default_public = true
Component "breakout.localhost" "muc"
  muc_room_locking = false
  muc_room_default_public = true
Component "internal.auth.localhost" "muc"
  muc_room_locking = false
  muc_room_default_public = true
Component "focus.localhost"
  component_secret = "${componentSecret}"
`);
  if (uid !== undefined) {
    const all = ['', 'data', 'plugins', 'plugins/mod_auth_returning.lua', 'prosody.cfg.lua'];
    await Promise.all(all.map((name) => chown(join(directory, name), uid, gid)));
  }

  const running = new Program('prosody', ['-F', '--config', config], { uid, gid, cwd: directory });
  const stop = async () => {
    await running.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await running.answers(`http://127.0.0.1:${http}/http-bind`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { http, component, said: () => running.said(), stop };
}
