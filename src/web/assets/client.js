// Knock, wait and decide at a Roomgate door, from any page: docs/client.md. Draws nothing, needs nothing.

export const ACCESS_LEVEL_FULL = "full";
export const ACCESS_LEVEL_LOBBY = "lobby";
export const ACCESS_LEVEL_NONE = "none";
export const ACCESS_UNKNOWN = "unknown";
// The reference client's names.
export {
  ACCESS_LEVEL_FULL as DAILY_ACCESS_LEVEL_FULL, ACCESS_LEVEL_LOBBY as DAILY_ACCESS_LEVEL_LOBBY,
  ACCESS_LEVEL_NONE as DAILY_ACCESS_LEVEL_NONE, ACCESS_UNKNOWN as DAILY_ACCESS_UNKNOWN,
};

const NOT_ALLOWED = ["not-allowed", "You are not allowed to join this meeting"];
const FATAL = {
  "room-not-open": ["nbf-room", "This meeting is not open yet"],
  "room-expired": ["exp-room", "Meeting has ended"],
  "no-room": ["no-room", "The meeting you're trying to join does not exist."],
  full: ["meeting-full", "Meeting is full"],
  ejected: ["ejected", "You were removed from this meeting"],
  "token-expired": ["exp-token", "Your token has expired"],
  "token-not-yet-valid": ["nbf-token", "Your token is not valid yet"],
};
const STANDS = "access-state-updated";
const NEWS = [STANDS, "waiting-participant-added", "waiting-participant-updated", "waiting-participant-removed", "presence", "remembered"];
const MOMENTS = ["online", "offline", "pageshow", "pagehide"];
// As many people one request may name.
const MANY = 100;

const fail = (type, code, message, more) => Object.assign(new Error(message), { type, code, ...more });
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const path = (text) => text.split("/").map(encodeURIComponent).join("/");
const byId = (list) => Object.fromEntries(list.map((one) => [one.id, one]));
const ignore = () => {};

export function createCallObject(properties) {
  const callClientId = `${Date.now()}${Math.random()}`;
  const waiting = new Map();
  let gateway, room, tokenCode, state, details, inside, bans, choice, source, timer, silence;
  let given = {}, listeners = {}, asked = [], stale = [], misses = 0, connected = true;
  // What was asked of the server before the latest change is no news after it.
  let mark = 0;

  // ---- the way to the gateway

  function place(more) {
    given = { ...given, ...more };
    const page = globalThis.location?.href;
    const url = given.url && new URL(given.url, page);
    // This file comes from the gateway, unless somebody took it along.
    gateway = new URL(given.gateway ?? url?.href ?? (import.meta.url.includes("/_roomgate/") ? import.meta.url : page)).origin;
    if (more?.url) given.token = more.token ?? url.searchParams.get("t");
    room = given.room ?? (url && decodeURIComponent(url.pathname.split("/").pop()));
  }

  const query = () => `room=${encodeURIComponent(room)}`;

  async function send(method, where, body) {
    const headers = { accept: "application/json" };
    if (body) headers["content-type"] = "application/json";
    if (given.through && where.startsWith("v1/")) headers["roomgate-through"] = given.through;
    const request = { method, headers, body: body && JSON.stringify(body), credentials: "include", cache: "no-store" };
    let answer, said;
    try {
      answer = await fetch(`${gateway}/_roomgate/${where}`, { ...request, signal: AbortSignal.timeout?.(20000) });
      said = await answer.json();
    } catch {
      throw fail("connection-error", "unreachable", "The meeting cannot be reached");
    }
    // Of several orders, those that came too late are listed.
    if (answer.ok || said.conflicts) return said;
    const { status } = answer;
    const type = status > 499 ? "connection-error" : status === 401 || status === 403 ? "not-allowed" : undefined;
    const more = { status, by: said.by, retryAfter: said.retry_after, tokenCode: said.token_code };
    throw fail(type, said.code ?? said.error, said.message ?? said.info, more);
  }

  async function order(method, what, body) {
    if (!room) throw fail("not-allowed", "bad-request", "preAuth comes first");
    const done = await send(method, `v1/rooms/${path(room)}/${what}`, body);
    if (!source) look().catch(ignore);
    return done;
  }

  // ---- hearing what is new

  // Asks once.
  async function look() {
    const asking = mark;
    const now = await send("GET", `access?${query()}`);
    if (asking !== mark) return;
    stand(now, true);
    if (!now.owner || source) return;
    stale = [...waiting.keys()];
    for (const participant of now.owner.waiting) hear(NEWS[1], { participant });
    hear("remembered", now.owner.remembered);
    hear("presence", now.owner);
  }

  function hush() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
    clearTimeout(silence);
  }

  function listen() {
    hush();
    if (!room || (fatal() && !passes())) return;
    if (fatal() || !globalThis.EventSource) {
      poll();
      return;
    }
    const stream = source = new EventSource(`${gateway}/_roomgate/events?${query()}`, { withCredentials: true });
    // Something between us may keep a stream's news to itself.
    silence = setTimeout(poll, 12000);
    stream.onopen = () => { stale = [...waiting.keys()]; };
    for (const name of NEWS) {
      stream.addEventListener(name, ({ data }) => {
        clearTimeout(silence);
        misses = 0;
        meet(true);
        hear(name, JSON.parse(data));
      });
    }
    stream.onerror = () => {
      meet(false);
      // The browser comes back by itself, unless the answer was no stream at all.
      if (stream.readyState === 2) poll();
    };
    check();
  }

  // A stream may be dead without a word: whoever waits for an answer asks now and then.
  function check() {
    timer = setTimeout(() => {
      if (state.awaitingAccess) look().then(() => meet(true), () => meet(false));
      check();
    }, 45000 + Math.random() * 30000);
  }

  // Asks now and then, and ever more seldom for a stream.
  function poll() {
    hush();
    const mine = timer = setTimeout(async () => {
      const well = await look().then(() => true, () => false);
      if (timer !== mine) return;
      meet(well);
      misses++;
      if (well && (fatal() || !(misses & (misses - 1)))) listen(); else poll();
    }, 4000 + Math.random() * 3000);
  }

  // The page is back from the browser's memory, or the network is.
  function moment({ type, persisted }) {
    if (type === "pagehide") hush();
    else if (type === "offline") meet(false);
    else if (type === "online" || persisted) listen();
  }

  function meet(well) {
    if (connected !== well) emit("connection-updated", { state: (connected = well) ? "ok" : "interrupted" });
  }

  function hear(name, said) {
    const { participant, ...more } = said;
    if (name === STANDS) {
      mark++;
      stand(said, false);
    } else if (name === "remembered") {
      const now = said.answer ? said : null;
      if (!same(now, choice)) emit("remembered-choice-updated", { choice: choice = now });
    } else if (name === "presence") {
      // A stream begins with all who wait: who was not named until now has gone meanwhile.
      for (const id of stale.splice(0)) gone(id);
      const now = [said.inside, said.bans].map(byId);
      if (same(now, [inside, bans])) return;
      [inside, bans] = now;
      emit("presence-updated", { participants: { ...inside }, banned: { ...bans } });
    } else if (name === NEWS[3]) {
      gone(participant.id, more);
    } else {
      const before = waiting.get(participant.id);
      stale = stale.filter((id) => id !== participant.id);
      waiting.set(participant.id, participant);
      if (!same(before, participant)) emit(before ? NEWS[2] : NEWS[1], { participant });
    }
  }

  function gone(id, how) {
    const participant = waiting.get(id);
    if (waiting.delete(id)) emit(NEWS[3], { participant, ...how });
  }

  // What the server says of where we stand; `sure` where it cannot be older than what we asked for.
  function stand(said, sure) {
    const { access, awaitingAccess, retry_after: retryAfter, token_code, moved_back: movedBack, owner, ...more } = said;
    const [was, before] = [state, details];
    state = awaitingAccess ? { access, awaitingAccess } : { access };
    details = { ...more, tokenCode: token_code ?? tokenCode, owner: !!owner, movedBack, retryAfter };
    if (!same([was, { ...before, retryAfter }], [state, details])) emit(STANDS, { ...state, details: { ...details } });
    const lasts = !awaitingAccess && !passes();
    let rejected = more.code === "denied" && before.code === "waiting";
    for (const one of asked.splice(0)) {
      one.seen ||= !!awaitingAccess;
      if (lasts && (sure || one.seen || access.level !== "lobby")) {
        one.resolve({ access, granted: access.level === "full" });
        rejected ||= more.code === "denied";
      } else {
        asked.push(one);
      }
    }
    // Decided so fast that it was never seen waiting?
    if (lasts && asked.some((one) => one.sent)) look().catch(ignore);
    const end = fatal();
    const news = before.code !== more.code && !(end === NOT_ALLOWED && was.access === ACCESS_UNKNOWN) && end;
    const wrong = rejected ? ["not-allowed", "Join request rejected"] : news;
    // After whoever awaits the answer has it.
    if (wrong) setTimeout(error, 0, wrong, { ...details });
    if (end && source) listen();
    if (owner) return;
    for (const id of waiting.keys()) gone(id);
    [inside, bans, choice] = [{}, {}, null];
  }

  // These end by themselves: whoever has asked stays in line.
  const passes = () => ["full", "room-not-open"].includes(details.code);
  const fatal = () => state.access.level === "none" && (FATAL[details.code] ?? FATAL[details.tokenCode] ?? NOT_ALLOWED);

  function forget() {
    mark++;
    [state, details, inside, bans, choice] = [{ access: ACCESS_UNKNOWN }, {}, {}, {}, null];
    waiting.clear();
    for (const { reject } of asked.splice(0)) reject(fail(undefined, "destroyed", "This page gave the request up"));
  }

  function emit(action, event) {
    for (const listener of [...listeners[action] ?? []]) {
      // One listener's fault is not the others'.
      try { listener({ ...event, action, callClientId }); } catch (fault) { setTimeout(() => { throw fault; }); }
    }
  }

  const error = ([type, errorMsg], of) => emit("error", { errorMsg, error: { type, msg: errorMsg, details: of } });
  const update = (id, updates) => ({ version: waiting.get(id)?.version, ...updates });

  async function found(id, what, body, key) {
    if (!(await order("POST", what, { ids: [id], ...body }))[key].includes(id)) throw fail(undefined, "gone", "Nobody of this id is inside");
    return { id };
  }

  place(properties);
  forget();
  return {
    callClientId,

    async preAuth(more) {
      place(more);
      if (!room) throw fail("not-allowed", "bad-request", "preAuth needs a url or a room");
      hush();
      forget();
      const mine = mark;
      try {
        // A token that gives nothing is told of by what follows.
        const brought = given.token && await send("POST", "session", { room, token: given.token }).catch((fault) => fault);
        tokenCode = brought?.tokenCode;
        await look();
        if (brought?.access?.level === "full" && state.access.level !== "full") {
          throw fail("not-allowed", "no-cookies", "The browser keeps no cookies of the meeting's site");
        }
      } catch (fault) {
        error([fault.type ?? "connection-error", fault.message], { code: fault.code });
        throw fault;
      }
      for (const name of MOMENTS) globalThis.addEventListener?.(name, moment);
      if (mine === mark) listen();
      const end = fatal();
      if (end && end !== NOT_ALLOWED) throw fail(end[0], details.code, end[1], details);
      return { access: state.access };
    },

    accessState: () => ({ ...state }),
    accessDetails: () => ({ ...details }),

    async requestAccess({ name, message, access = { level: "full" } } = {}) {
      const { level } = state.access;
      if (level === "full") return { access: { level }, granted: true };
      if (level !== "lobby" || access.level !== "full") {
        throw fail("not-allowed", details.code, "Only full access can be asked for, and from the lobby only");
      }
      const mine = ++mark;
      const one = { seen: !!state.awaitingAccess };
      const decided = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
      asked.push(one);
      send("POST", "knock", { room, name, message }).then((now) => {
        one.sent = true;
        // A stream tells in order; this answer may be older than what it told meanwhile.
        if (mine === mark) stand(now, !source); else look().catch(ignore);
      }, (fault) => {
        asked = asked.filter((other) => other !== one);
        one.reject(fault);
      });
      return decided;
    },

    async cancelRequest() {
      const now = await send("DELETE", `knock?${query()}`);
      mark++;
      stand(now, true);
      return { access: state.access };
    },

    waitingParticipants: () => Object.fromEntries(waiting),

    async updateWaitingParticipant(id, updates = {}) {
      const { grantRequestedAccess, version } = update(id, updates);
      if (grantRequestedAccess && version === undefined) throw fail(undefined, "gone", "Nobody of this id waits");
      if (grantRequestedAccess !== undefined) await order("PATCH", `waiting-participants/${path(id)}`, update(id, updates));
      return { id };
    },

    async updateWaitingParticipants({ "*": everyone, ...named }) {
      // Who was not shown yet is not let in, unless by a choice about whoever may come.
      const shown = everyone?.grantRequestedAccess && !everyone.remember;
      if (shown) for (const id of waiting.keys()) named[id] ??= everyone;
      const list = Object.entries(named).map(([id, updates]) => [id, update(id, updates)]);
      if (everyone && !shown) list.push(["*", everyone]);
      const [ids, conflicts] = [[], []];
      while (list.length) {
        const done = await order("PATCH", "waiting-participants", Object.fromEntries(list.splice(0, MANY)));
        ids.push(...done.ids);
        conflicts.push(...done.conflicts ?? []);
      }
      const [first] = conflicts;
      if (first && !ids.length) throw fail(undefined, first.code, first.info, { by: first.by, conflicts });
      return { ids, conflicts };
    },

    rememberedChoice: () => choice,
    async rememberChoice(answer = null) {
      await order(answer ? "PUT" : "DELETE", "remembered", answer && { answer });
      return { answer };
    },

    participants: () => ({ ...inside }),
    removeParticipant: (id, { ban, lasting, network } = {}) => found(id, "eject", { ban, lasting, network }, "ejectedIds"),
    moveToWaitingRoom: (id) => found(id, "move-back", {}, "movedIds"),
    bannedParticipants: () => ({ ...bans }),
    async liftBan(id) {
      await order("DELETE", `bans/${path(id)}`);
      return { id };
    },

    on(name, listener) {
      (listeners[name] ??= []).push(listener);
      return this;
    },
    once(name, listener) {
      const first = (event) => { this.off(name, first); listener(event); };
      return this.on(name, Object.assign(first, { listener }));
    },
    off(name, listener) {
      listeners[name] = listeners[name]?.filter((one) => one !== listener && one.listener !== listener);
      return this;
    },

    async destroy() {
      hush();
      for (const name of MOMENTS) globalThis.removeEventListener?.(name, moment);
      room = undefined;
      listeners = {};
      forget();
    },
  };
}

export default { createCallObject, ACCESS_LEVEL_FULL, ACCESS_LEVEL_LOBBY, ACCESS_LEVEL_NONE, ACCESS_UNKNOWN };
