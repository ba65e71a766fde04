// The owners' console, live. Its forms work without this script; here they are sent without leaving the page.
// All words are in the page. What people call themselves is put in as text, never as markup.
const main = document.querySelector("main");
const room = main.dataset.room;
const limit = Number(main.dataset.shown);
const words = document.getElementById("words").dataset;
const find = (q) => main.querySelector(q);
const token = find("input[name=form]").value;
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
const waiting = new Map();
let order = 0;
let stale = new Set();

const el = (tag, props = {}, ...kids) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...kids);
  return node;
};
const hidden = (name, value) => el("input", { type: "hidden", name, value });

function button(what, label, name, quiet, grave) {
  const b = el("button", { name: "do", value: what, textContent: label });
  b.setAttribute("aria-label", `${label}: ${name}`);
  if (quiet) b.classList.add("quiet");
  if (grave) b.classList.add("grave");
  return b;
}

function row(id, name, since, fields, buttons, marks) {
  const who = el("span", { className: "who" }, el("strong", { textContent: name }));
  for (const mark of marks) who.append(" ", el("em", { textContent: mark }));
  if (since) who.append(" ", el("time", { dateTime: since, textContent: clock.format(new Date(since)) }));
  const li = el("li", {}, who);
  li.dataset.id = id;
  if (buttons.length) {
    const form = el("form", { method: "post", action: "/_roomgate/door", className: "row" });
    form.append(hidden("room", room), hidden("form", token), hidden("id", id), ...fields, ...buttons);
    li.append(form);
  }
  return li;
}

function knocked(p) {
  const li = row(p.id, p.name, p.since, [hidden("version", p.version)],
    [button("allow", words.allow, p.name), button("deny", words.deny, p.name, true)], []);
  li.dataset.version = p.version;
  return li;
}

// Rows that stay the same stay in place: whoever is about to press a button must not hit another one.
function fill(list, rows) {
  const old = new Map([...list.children].map((li) => [li.dataset.id, li]));
  const active = document.activeElement;
  const focused = active && active.closest("li") && list.contains(active) ? [active.closest("li").dataset.id, active.value] : null;
  let at = list.firstElementChild;
  for (const next of rows) {
    const was = old.get(next.dataset.id);
    old.delete(next.dataset.id);
    const keep = was && was.isEqualNode(next) ? was : next;
    if (was && keep !== was) {
      if (at === was) at = was.nextElementSibling;
      was.remove();
    }
    if (keep === at) at = at.nextElementSibling; else list.insertBefore(keep, at);
  }
  for (const gone of old.values()) gone.remove();
  if (focused && !list.contains(document.activeElement)) {
    const li = [...list.children].find((l) => l.dataset.id === focused[0]);
    const same = li && [...li.querySelectorAll("button")].find((b) => b.value === focused[1]);
    (same || list.querySelector("button") || find("#waiting")).focus();
  }
}

let drawn = 0;
function draw() {
  if (drawn) return;
  drawn = requestAnimationFrame(() => {
    drawn = 0;
    const all = [...waiting.values()].sort((a, b) => a.order - b.order);
    const shown = all.slice(0, limit);
    fill(find("[data-waiting]"), shown.map(knocked));
    find("[data-waiting-count]").textContent = all.length;
    find("[data-nobody]").hidden = all.length > 0;
    find("[data-everyone]").hidden = all.length === 0;
    find("[data-everyone] input[name=seen]").value = shown.map((p) => `${p.id}.${p.version}`).join(" ");
    find("[data-more]").hidden = all.length <= limit;
    find("[data-more-count]").textContent = all.length - shown.length;
    document.title = (all.length ? `(${all.length}) ` : "") + words.title;
  });
}

function presence(now) {
  fill(find("[data-inside]"), now.inside.map((p) => row(p.id, p.name, p.since, [],
    p.you ? [] : [button("remove", words.remove, p.name, true), button("ban", words.ban, p.name, true, true)],
    [p.owner && words.owner, p.you && words.you].filter(Boolean))));
  find("[data-inside-count]").textContent = now.inside.length;
  find("[data-empty]").hidden = now.inside.length > 0;
  fill(find("[data-bans]"), now.bans.map((b) => row(b.id, b.name, "", [],
    [button("lift", words.lift, b.name, true)], [b.banned ? words.banned : words.removed])));
  find("[data-bans-part]").hidden = now.bans.length === 0;
}

const put = (e) => {
  const { participant } = JSON.parse(e.data);
  const before = waiting.get(participant.id);
  stale.delete(participant.id);
  waiting.set(participant.id, { ...participant, order: before ? before.order : order++ });
  draw();
};
const stream = new EventSource(`/_roomgate/events?room=${encodeURIComponent(room)}`);
// A new stream begins with everybody who waits, then says who is inside: who was not named until then has gone meanwhile.
stream.addEventListener("open", () => {
  stale = new Set(waiting.keys());
  find("[data-lost]").hidden = true;
});
stream.addEventListener("waiting-participant-added", put);
stream.addEventListener("waiting-participant-updated", put);
stream.addEventListener("waiting-participant-removed", (e) => { waiting.delete(JSON.parse(e.data).participant.id); draw(); });
stream.addEventListener("presence", (e) => {
  for (const id of stale) waiting.delete(id);
  stale.clear();
  draw();
  presence(JSON.parse(e.data));
});
// Whoever is no longer an owner has no business here: the server says what now.
stream.addEventListener("access-state-updated", () => location.reload());
stream.addEventListener("error", () => {
  find("[data-lost]").hidden = false;
  if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000 + Math.random() * 5000);
});

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
  } catch {
    note.textContent = find("[data-lost]").textContent;
  }
  note.hidden = !note.textContent;
  delete form.dataset.busy;
});

for (const time of main.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.textContent = clock.format(at);
}
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
