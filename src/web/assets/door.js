// The owners' console, live. Its forms work without this script; here they are sent without leaving the page.
// All words are in the page. What people call themselves is put in as text, never as markup.
import { createCallObject } from "/_roomgate/client.js";

const main = document.querySelector("main");
const { room } = main.dataset;
const title = main.dataset.title + (document.documentElement.dataset.brand ?? "");
const limit = Number(main.dataset.shown);
const find = (q) => main.querySelector(q);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
const call = createCallObject({ room, through: "door" });
const waiting = new Map();
let ready = false;

function time(shown, since) {
  const at = new Date(since);
  shown.dateTime = since;
  if (!Number.isNaN(at.getTime())) shown.textContent = clock.format(at);
}

// A row says who it is about; it is filled in place, so that neither focus nor an open part of it is lost.
function write(li, one) {
  const set = (name, text) => {
    const part = li.querySelector(`[data-${name}]`);
    if (part) part.hidden = !text;
    if (part && text !== true) part.textContent = text || "";
  };
  const mark = (name, is) => { const part = li.querySelector(`[data-${name}]`); if (part) part.hidden = !is; };
  set("name", one.name);
  set("message", one.message);
  const marks = { moved: one.movedBack, owner: one.owner, you: one.you, banned: one.banned, removed: !one.banned, lasting: one.lasting,
    until: !one.lasting, network: one.network };
  for (const [name, is] of Object.entries(marks)) mark(name, is);
  const since = li.querySelector("time");
  if (since) time(since, one.since);
  const form = li.querySelector("form");
  if (!form) return li;
  form.hidden = !!one.you;
  form.elements.id.value = one.id;
  if (form.elements.version) form.elements.version.value = one.version;
  for (const named of form.querySelectorAll("button, summary")) named.setAttribute("aria-label", `${named.textContent}: ${one.name}`);
  return li;
}

// Rows that stay the same stay in place: whoever is about to press a button must not hit another one.
function fill(list, template, people) {
  const old = new Map([...list.children].map((li) => [li.dataset.id, li]));
  const active = document.activeElement;
  const held = list.contains(active);
  let at = list.firstElementChild;
  for (const one of people) {
    const li = old.get(one.id) ?? document.getElementById(template).content.firstElementChild.cloneNode(true);
    old.delete(one.id);
    li.dataset.id = one.id;
    write(li, one);
    while (at && !people.some(({ id }) => id === at.dataset.id)) {
      const gone = at;
      at = at.nextElementSibling;
      gone.remove();
    }
    if (li === at) at = at.nextElementSibling; else list.insertBefore(li, at);
  }
  for (const gone of old.values()) gone.remove();
  if (held && !list.contains(document.activeElement)) (list.querySelector("button") ?? find("#waiting")).focus();
}

let drawn = 0;
function draw() {
  // No animation frame: a tab in the background has none, and its title must count.
  drawn ||= setTimeout(() => {
    drawn = 0;
    const all = [...waiting.values()];
    const shown = all.slice(0, limit);
    fill(find("[data-waiting]"), "waits", shown);
    find("[data-waiting-count]").textContent = all.length;
    find("[data-nobody]").hidden = all.length > 0;
    find("input[name=seen]").value = shown.map((one) => `${one.id}.${one.version}`).join(" ");
    find("[data-more]").hidden = all.length <= limit;
    find("[data-more-count]").textContent = all.length - shown.length;
    document.title = (all.length ? `(${all.length}) ` : "") + title;
  }, 30);
}

function put({ action, participant }) {
  waiting.set(participant.id, participant);
  if (ready && action.endsWith("added")) chime();
  draw();
}

function gone({ participant, outcome, by }) {
  waiting.delete(participant.id);
  draw();
  const part = document.getElementById("answered");
  if (!outcome) return;
  const li = part.content.firstElementChild.cloneNode(true);
  li.firstElementChild.textContent = participant.name;
  li.lastElementChild.textContent = [part.dataset[outcome], by].filter(Boolean).join(" ");
  const list = find("[data-recent]");
  list.prepend(li);
  while (list.children.length > 5) list.lastElementChild.remove();
  find("[data-recent-part]").hidden = false;
}

call.on("waiting-participant-added", put);
call.on("waiting-participant-updated", put);
call.on("waiting-participant-removed", gone);
call.on("presence-updated", ({ participants, banned }) => {
  const [inside, bans] = [Object.values(participants), Object.values(banned)];
  fill(find("[data-inside]"), "sits", inside);
  find("[data-inside-count]").textContent = inside.length;
  find("[data-empty]").hidden = inside.length > 0;
  fill(find("[data-bans]"), "out", bans);
  find("[data-bans-part]").hidden = bans.length === 0;
});
call.on("remembered-choice-updated", ({ choice }) => {
  find("[data-choice]").hidden = !choice;
  find("[data-allowing]").hidden = choice?.answer !== "allow";
  find("[data-denying]").hidden = choice?.answer !== "deny";
  find("[data-by]").textContent = choice?.by ?? "";
});
call.on("connection-updated", ({ state }) => { find("[data-lost]").hidden = state === "ok"; });
// Whoever is no longer an owner has no business here: the server says what now.
call.on("access-state-updated", ({ details }) => { if (!details.owner) location.reload(); });

function start() {
  call.preAuth().then(() => {
    find("[data-lost]").hidden = true;
    ready = true;
    // What the server drew may be older than what we heard.
    draw();
  }, () => setTimeout(start, 5000 + Math.random() * 5000));
}

main.addEventListener("submit", async (e) => {
  const form = e.target;
  const pressed = e.submitter;
  e.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  if (pressed) body.set(pressed.name, pressed.value);
  // Not disabled, which would take the keyboard's place in the list away.
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const note = find("[data-note]");
  try {
    const response = await fetch("/_roomgate/door", { method: "POST", body, headers: { accept: "application/json" } });
    const answer = await response.json();
    note.textContent = answer.info || answer.message || "";
    if (response.status === 401 || response.status === 403) location.reload();
    if (response.ok && form.elements.remember) form.elements.remember.checked = false;
  } catch {
    note.textContent = find("[data-lost]").textContent;
  }
  note.hidden = !note.textContent;
  delete form.dataset.busy;
});

// ---- a sound when somebody knocks

const toggle = find("[data-sound]");
let sound = null;
let loud = true;
try { loud = localStorage.getItem("roomgate-sound") !== "off"; } catch { /* no storage here: on, for this page */ }
const show = () => toggle.setAttribute("aria-pressed", String(loud));

function chime() {
  if (!loud || sound?.state !== "running") return;
  for (const n of [0, 1]) {
    const [tone, volume] = [sound.createOscillator(), sound.createGain()];
    const at = sound.currentTime + n * 0.22;
    tone.frequency.value = 440;
    volume.gain.setValueAtTime(0.25, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.18);
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.2);
  }
}

// A browser lets a page sound only after a click or a key, wherever.
for (const touch of ["pointerdown", "keydown"]) {
  addEventListener(touch, () => {
    if (globalThis.AudioContext) sound ??= new AudioContext();
    sound?.resume();
  });
}
toggle.addEventListener("click", () => {
  loud = !loud;
  try { localStorage.setItem("roomgate-sound", loud ? "on" : "off"); } catch { /* as above */ }
  show();
  chime();
});
toggle.hidden = !globalThis.AudioContext;
show();
for (const shown of main.querySelectorAll("time")) time(shown, shown.dateTime);
start();
