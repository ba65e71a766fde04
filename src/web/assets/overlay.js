// In a meeting's own page: shows an owner who knocks, and takes whoever may not stay any longer to the door. A guest in somebody else's page:
// one element, nothing of the page touched, no error let out. What people call themselves is put in as text, never as markup.
(() => {
  "use strict";
  const self = document.currentScript;
  const KEY = Symbol.for("roomgate.overlay");
  if (!self || !self.dataset.room || window[KEY]) return;
  // One is enough where the room's page is shown in a frame of itself.
  try {
    for (let w = window; w !== w.parent; w = w.parent) if (w.parent[KEY]) return;
  } catch { /* embedded by another site: then this frame is the meeting */ }
  Object.defineProperty(window, KEY, { value: true });

  // Not relative to the page: it may have a <base>.
  const at = (path) => new URL(path, self.src).href;
  const name = self.dataset.room;
  const room = decodeURIComponent(name);
  // The page is as its server sent it again: frameworks compare.
  self.remove();

  const quietly = (f) => (...given) => {
    try { return f(...given); } catch (error) { console.debug("roomgate overlay", error); }
  };
  const ask = async (path, options) => {
    const response = await fetch(at(path), { credentials: "same-origin", cache: "no-store", ...options });
    return { ok: response.ok, body: await response.json().catch(() => ({})) };
  };
  const jitter = (ms) => ms * (0.8 + 0.4 * Math.random());

  // Where the reader stands. Whoever may not stay opens the page again: it says why.
  async function standing() {
    const { ok, body } = await ask(`/_roomgate/overlay?room=${name}`);
    if (!ok || typeof body.stay !== "boolean") throw new Error("not told");
    if (!body.stay) location.reload();
    return body;
  }

  let owner = null;
  let timer = 0;
  function look(soon) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (document.visibilityState === "visible" && !owner) {
        try {
          const now = await standing();
          if (now.stay && now.owner) begin(now);
        } catch { /* asked again */ }
      }
      if (!owner) look();
    }, soon ? Math.random() * 300 : jitter(5000));
  }
  document.addEventListener("visibilitychange", quietly(() => { if (!owner && document.visibilityState === "visible") look(true); }));

  // What owners have: the one place that knows the API.
  function door(tell) {
    const list = `/_roomgate/v1/rooms/${name}/waiting-participants`;
    const send = (method, path, body) => ask(path, {
      method, body: body && JSON.stringify(body), headers: { "content-type": "application/json", "roomgate-through": "overlay" },
    });
    const grant = (allow, version) => ({ grantRequestedAccess: allow, version });
    const stream = new EventSource(at(`/_roomgate/events?room=${name}`));
    let stale = new Set();
    const waiting = new Map();
    const on = (what, f) => stream.addEventListener(what, quietly((e) => f(e.data ? JSON.parse(e.data) : null)));
    const put = ({ participant: p }) => {
      stale.delete(p.id);
      const known = waiting.has(p.id);
      waiting.set(p.id, p);
      tell({ waiting, knocked: known ? null : p });
    };
    // A stream begins with everybody who waits, then says who is inside: who was not named until then has gone.
    on("open", () => { stale = new Set(waiting.keys()); tell({ lost: false }); });
    on("waiting-participant-added", put);
    on("waiting-participant-updated", put);
    on("waiting-participant-removed", ({ participant: p }) => { waiting.delete(p.id); tell({ waiting }); });
    on("presence", () => { for (const id of stale) waiting.delete(id); stale.clear(); tell({ waiting }); });
    on("remembered", (choice) => tell({ choice: choice.answer }));
    on("access-state-updated", () => tell({ over: true }));
    stream.addEventListener("error", quietly(() => tell({ lost: true, closed: stream.readyState === EventSource.CLOSED })));
    return {
      answer: (p, allow) => send("PATCH", `${list}/${p.id}`, grant(allow, p.version)),
      // Those who are shown by what is shown of them; with a word for whoever comes later, everybody.
      everyone: (shown, allow, remember) => send("PATCH", list, {
        ...Object.fromEntries(shown.map((p) => [p.id, grant(allow, p.version)])),
        ...(remember ? { "*": { ...grant(allow), remember: true } } : {}),
      }),
      askAgain: () => send("DELETE", `/_roomgate/v1/rooms/${name}/remembered`),
      close: () => stream.close(),
    };
  }

  const SHEET = `
    :host { all: initial !important; position: fixed !important; inset: auto 1rem 1rem auto !important; z-index: 2147483647 !important; display: block !important;
      margin: 0 !important; padding: 0 !important; border: 0 !important; background: none !important; overflow: visible !important; width: auto !important; height: auto !important;
      max-width: calc(100vw - 2rem) !important; color-scheme: light dark !important;
      --card: #fffefb; --ink: #23302c; --soft: #5d6b66; --line: #dfdbd1; --accent: #2f6f5e; --on: #fff; }
    @media (prefers-color-scheme: dark) { :host { --card: #1f2625; --ink: #e8ece9; --soft: #a3b0ab; --line: #37413e; --accent: #7cc5b0; --on: #10201b; } }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    section { display: flex; flex-direction: column; align-items: flex-end; gap: .5rem; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); overflow-wrap: anywhere; }
    .card { width: 21rem; max-width: 100%; max-height: min(26rem, calc(100vh - 6rem)); overflow: auto; padding: .8rem; background: var(--card); border: 1px solid var(--line); border-radius: .9rem; box-shadow: 0 8px 28px #0005; }
    h2 { margin: 0 0 .4rem; font-size: 1rem; font-weight: 650; }
    p, ul { margin: 0 0 .5rem; padding: 0; list-style: none; }
    li { padding: .45rem 0; border-top: 1px solid var(--line); }
    li p { color: var(--soft); margin: .1rem 0 0; }
    .row { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .4rem; }
    button, a { display: inline-flex; align-items: center; min-height: 2.2rem; padding: .3rem .8rem; font: inherit; font-weight: 600; border-radius: .6rem; border: 1px solid var(--accent); background: var(--accent); color: var(--on); cursor: pointer; text-decoration: none; }
    .quiet { background: transparent; color: var(--accent); border-color: var(--line); }
    button[aria-disabled=true] { opacity: .55; }
    .pill { display: inline-flex; align-items: center; gap: .45rem; border-radius: 2rem; background: var(--card); color: var(--ink); border-color: var(--line); box-shadow: 0 3px 12px #0004; }
    .pill b { min-width: 1.5rem; padding: 0 .4rem; border-radius: 1rem; text-align: center; background: var(--line); }
    .pill.some b { background: var(--accent); color: var(--on); }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    label { display: flex; gap: .5rem; align-items: baseline; font-size: .9rem; color: var(--soft); margin-top: .5rem; }
    .said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .problem { color: #9c3328; } @media (prefers-color-scheme: dark) { .problem { color: #f0a197; } }
    svg { width: 1.1rem; height: 1.1rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }`;
  const SHOWN = 50;
  const el = (tag, props = {}, ...kids) => {
    const node = Object.assign(document.createElement(tag), props);
    node.append(...kids);
    return node;
  };
  const button = (label, act, className = "", spoken = "") => {
    const b = el("button", { type: "button", textContent: label, className });
    if (spoken) b.setAttribute("aria-label", spoken);
    b.addEventListener("click", quietly(act));
    return b;
  };
  const setting = {
    get: (key) => { try { return localStorage.getItem(`roomgate.${key}`); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(`roomgate.${key}`, value); } catch { /* forgotten with the page */ } },
  };

  let context = null;
  // Browsers let a page sound once its reader has touched it: in a call they have.
  const ring = quietly(() => {
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) return;
    context = context || new Context();
    if (context.state === "suspended") Promise.resolve(context.resume()).catch(() => {});
    [660, 880].forEach((pitch, n) => {
      const [tone, gain, start] = [context.createOscillator(), context.createGain(), context.currentTime + n * 0.18];
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.0001, start);
      gain.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
      tone.connect(gain).connect(context.destination);
      tone.start(start);
      tone.stop(start + 0.32);
    });
  });

  function begin({ words, lang, dir, door: console_ }) {
    owner = true;
    const host = document.createElement("div");
    host.lang = lang;
    host.dir = dir;
    const root = host.attachShadow({ mode: "closed" });
    // Made by script: no page's style policy forbids it.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    root.adoptedStyleSheets = [sheet];

    let waiting = new Map();
    let choice = null;
    let [open, lost, failure] = [false, false, ""];
    let sound = setting.get("sound") !== "off";
    const busy = new Set();

    const list = el("ul");
    const heading = el("h2");
    const problem = el("p", { className: "problem" });
    const standingChoice = el("div");
    const remember = el("input", { type: "checkbox" });
    const all = el("div", {}, el("div", { className: "row" },
      button(words.allow_all, () => everyone(true)), button(words.deny_all, () => everyone(false), "quiet")),
    el("label", {}, remember, words.remember));
    const muted = el("input", { type: "checkbox", checked: sound });
    muted.addEventListener("change", quietly(() => { sound = muted.checked; setting.set("sound", sound ? "on" : "off"); }));
    const link = el("a", { href: at(console_), target: "_blank", rel: "noopener", className: "quiet", textContent: words.console });
    const card = el("div", { className: "card", id: "card" }, heading, problem, standingChoice, list, all,
      el("label", {}, muted, words.sound),
      el("div", { className: "row" }, link, button(words.close, () => { open = false; draw(); pill.focus(); }, "quiet")));
    const count = el("b");
    const pill = button("", () => { open = !open; draw(); }, "pill");
    pill.setAttribute("aria-controls", "card");
    const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    path.setAttribute("d", "M5 21V4l9-1v19zM14 4h5v17M3 21h18M11 12v1");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    pill.append(svg, count);
    const said = el("div", { className: "said" });
    said.setAttribute("aria-live", "polite");
    const section = el("section", {}, card, pill, said);
    section.setAttribute("role", "region");
    section.setAttribute("aria-label", words.label);
    section.addEventListener("keydown", quietly((e) => {
      // The page's own shortcuts are for the page.
      e.stopPropagation();
      if (e.key === "Escape" && open) { open = false; draw(); pill.focus(); }
    }));
    for (const what of ["keyup", "keypress"]) section.addEventListener(what, (e) => e.stopPropagation());
    root.append(section);

    const order = async (key, send) => {
      if (busy.has(key)) return;
      busy.add(key);
      failure = "";
      draw();
      try {
        const { ok, body } = await send();
        // Somebody else was first, or they changed their name: the stream shows what is so.
        failure = ok ? (body.conflicts || []).map((c) => c.info)[0] || "" : body.info || words.lost;
      } catch {
        failure = words.lost;
      }
      busy.delete(key);
      draw();
    };
    const shown = () => [...waiting.values()].slice(0, SHOWN);
    const everyone = (allow) => order("*", async () => {
      const done = await api.everyone(shown(), allow, remember.checked);
      if (done.ok) remember.checked = false;
      return done;
    });

    const rows = new Map();
    function row(p) {
      const was = rows.get(p.id);
      if (was && was.version === p.version && was.back === p.movedBack) return was.li;
      const act = (allow) => () => order(p.id, () => api.answer(p, allow));
      const li = el("li", {}, el("strong", { textContent: p.name, dir: "auto" }));
      if (p.movedBack) li.append(el("p", { textContent: words.moved_back }));
      if (p.message) li.append(el("p", { textContent: p.message, dir: "auto" }));
      li.append(el("div", { className: "row" }, button(words.allow, act(true), "", `${words.allow}: ${p.name}`),
        button(words.deny, act(false), "quiet", `${words.deny}: ${p.name}`)));
      rows.set(p.id, { li, version: p.version, back: p.movedBack });
      return li;
    }
    // Rows stay where they are: whoever is about to press a button must not hit another one.
    function fill() {
      const now = shown();
      const focused = root.activeElement;
      const within = focused && focused.closest("li");
      for (const id of rows.keys()) if (!now.some((p) => p.id === id)) { rows.get(id).li.remove(); rows.delete(id); }
      now.forEach((p, n) => {
        const before = rows.get(p.id);
        const li = row(p);
        if (before && before.li !== li) before.li.replaceWith(li);
        if (list.children[n] !== li) list.insertBefore(li, list.children[n] || null);
        for (const b of li.querySelectorAll("button")) b.setAttribute("aria-disabled", busy.has(p.id) || busy.has("*"));
      });
      if (within && !within.isConnected) (list.querySelector("button") || pill).focus();
    }
    function draw() {
      fill();
      const n = waiting.size;
      count.textContent = n;
      pill.classList.toggle("some", n > 0);
      pill.setAttribute("aria-expanded", open);
      pill.setAttribute("aria-label", `${words.open}: ${n}`);
      card.hidden = !open;
      heading.textContent = n ? `${words.waiting} ${n}${n > SHOWN ? ` (${n - SHOWN} ${words.more})` : ""}` : words.nobody;
      all.hidden = n < 2;
      problem.textContent = lost ? words.lost : failure;
      problem.hidden = !problem.textContent;
      standingChoice.hidden = !choice;
      if (choice && standingChoice.dataset.choice !== choice) {
        standingChoice.dataset.choice = choice;
        standingChoice.replaceChildren(el("p", { textContent: choice === "allow" ? words.letting_in : words.turning_away }),
          button(words.ask_again, () => order("ask", () => api.askAgain()), "quiet"));
      }
    }

    // Above whatever the page puts on top, where the browser can do that.
    const lift = quietly(() => {
      if (!host.showPopover) return;
      host.popover = "manual";
      if (host.matches(":popover-open")) host.hidePopover();
      host.showPopover();
    });
    let back = 0;
    const place = quietly(() => {
      if (host.isConnected) return;
      (document.body || document.documentElement).append(host);
      if (document.body) observer.observe(document.body, { childList: true });
      lift();
    });
    // A page that draws itself anew gets it back; one that takes it away again and again does not want it.
    const observer = new MutationObserver(quietly(() => {
      if (host.isConnected || back >= 20) return;
      back += 1;
      setTimeout(place, 50 * back);
    }));
    const settle = quietly(() => {
      place();
      observer.observe(document.documentElement, { childList: true });
    });
    document.addEventListener("fullscreenchange", () => { if (host.isConnected) lift(); });

    const end = () => {
      owner = null;
      api.close();
      observer.disconnect();
      host.remove();
      look(true);
    };
    let late = 0;
    const api = door(quietly((news) => {
      if (news.waiting) waiting = news.waiting;
      if ("choice" in news) choice = news.choice;
      if ("lost" in news) lost = news.lost;
      // No longer an owner, or the stream was refused: asked as anybody.
      if (news.over || news.closed) {
        clearTimeout(late);
        late = setTimeout(end, news.over ? 0 : jitter(4000));
      }
      if (news.knocked) {
        open = true;
        said.textContent = `${words.waiting} ${news.knocked.name}`;
        if (sound) ring();
        if (host.isConnected) lift();
      }
      draw();
    }));
    draw();
    if (document.body) settle(); else document.addEventListener("DOMContentLoaded", settle, { once: true });
  }

  look(true);
})();
