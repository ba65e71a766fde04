// The knocking page: knock without leaving it, hear the answer at once, go in by itself. Without this script its forms do the same.
// All words are in the page; the state is the server's, and the page shows the part that belongs to it.
import { createCallObject } from "/_roomgate/client.js";

const main = document.querySelector("main");
const { room, to } = main.dataset;
const find = (q) => main.querySelector(q);
const problem = find("[data-problem]");
const call = createCallObject({ room });
let cooling = 0;
let sound = null;
let going = false;

// A browser lets a page sound only after a click: knocking is one.
function chime() {
  if (!sound) return;
  [659, 880].forEach((pitch, n) => {
    const [tone, volume] = [sound.createOscillator(), sound.createGain()];
    const at = sound.currentTime + n * 0.18;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.2, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.5);
  });
}

function go() {
  call.destroy();
  // The part behind `#` never reaches a server: it goes along from here.
  location.replace(to + location.hash);
}

function show({ access, details }) {
  const state = access.level === "full" ? "full" : details.code === "full" ? "no-place" : details.code;
  // Anything else has a page of its own.
  if (!["full", "no-place", "may-knock", "waiting", "denied"].includes(state)) return location.reload();
  const before = main.dataset.state;
  main.dataset.state = state;
  for (const shown of main.querySelectorAll("[data-only]")) {
    const { only } = shown.dataset;
    shown.hidden = !(only === "moved" ? details.movedBack : only === "asked" ? !details.movedBack : (only === "opener") === !!details.opener);
  }
  if (details.name) find("[data-name]").textContent = details.name;
  const message = find("[data-message]");
  message.textContent = details.message ?? "";
  message.hidden = !details.message;
  if (state === "denied") cool(details.retryAfter ?? 0);
  if (before === state) return;
  tell("");
  const title = [...main.querySelectorAll(`section[data-when="${state}"] h1`)].find((h) => !h.hidden);
  title.focus();
  const mark = { full: "✓ ", denied: "✗ " }[state] ?? "";
  document.title = `${mark}${title.textContent} · ${room}${document.documentElement.dataset.brand ?? ""}`;
  if (state === "full" && !going) {
    going = true;
    chime();
    setTimeout(go, sound ? 900 : 0);
  }
}

function cool(seconds) {
  clearInterval(cooling);
  // A little more: the page must not be ahead of the server.
  const until = performance.now() + seconds * 1000 + 500;
  const unit = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "second", unitDisplay: "long" });
  const tick = () => {
    const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    find("[data-again]").disabled = left > 0;
    find("[data-left]").textContent = `(${unit.format(left)})`;
    find("[data-cooling]").hidden = left <= 0;
    find("[data-cooled]").hidden = left > 0;
    if (left <= 0) clearInterval(cooling);
  };
  tick();
  if (seconds > 0) cooling = setInterval(tick, 500);
}

function tell(text) {
  problem.textContent = text || "";
  problem.hidden = !text;
}

for (const form of main.querySelectorAll("[data-knock]")) {
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    setTimeout(() => delete form.dataset.busy, 1000);
    sound ??= globalThis.AudioContext ? new AudioContext() : null;
    tell("");
    const { name, message } = form.elements;
    const details = form.closest("details");
    if (details) details.open = false;
    call.requestAccess({ name: name.value, message: message.value }).catch((fault) => {
      if (fault.code === "destroyed") return;
      if (fault.code === "denied") cool(fault.retryAfter);
      // No script can do better than the form itself.
      else if (!fault.code || fault.code === "unreachable") form.submit();
      else tell(fault.message);
    });
  });
}

find("[data-leave]").addEventListener("submit", (e) => {
  e.preventDefault();
  call.cancelRequest().then(() => find("#name").focus(), () => location.reload());
});
find("[data-enter]").addEventListener("click", (e) => { e.preventDefault(); go(); });

call.on("access-state-updated", show);
call.on("connection-updated", ({ state }) => { find("[data-offline]").hidden = state === "ok"; });
function start() {
  call.preAuth().catch((fault) => fault).then(({ type }) => {
    find("[data-offline]").hidden = type !== "connection-error";
    if (type === "connection-error") setTimeout(start, 4000 + Math.random() * 3000);
  });
}
const left = Number(find("[data-cooling]").dataset.cooling);
if (left > 0) cool(left);
start();
