// The knocking page: knock without leaving it, hear the answer at once, go in by itself. Without this script its forms do the same.
// All words are in the page; the state is the server's, and the page shows the part that belongs to it.
const main = document.querySelector("main");
const room = main.dataset.room;
const here = (path) => `/_roomgate/${path}?room=${encodeURIComponent(room)}`;
const find = (q) => main.querySelector(q);
const problem = find("[data-problem]");
let stream = null;
let poll = 0;
let cooling = 0;

function go() {
  stop();
  // The part behind `#` never reaches a server: it goes along from here.
  location.replace(main.dataset.to + location.hash);
}

function show(state, focus) {
  if (state === "full") {
    main.dataset.state = "full";
    go();
    return;
  }
  if (!["may-knock", "waiting", "denied"].includes(state)) {
    // Anything else has a page of its own.
    location.reload();
    return;
  }
  const changed = main.dataset.state !== state;
  main.dataset.state = state;
  if (state === "waiting") listen(); else stop();
  if (changed && focus) find(`section[data-when="${state}"] h1`).focus();
}

function hear(answer) {
  if (answer.access.level === "full") return show("full");
  if (answer.code === "denied") cool(answer.retry_after ?? 30);
  show(answer.code, true);
}

function listen() {
  if (stream || poll) return;
  stream = new EventSource(here("events"));
  stream.addEventListener("access-state-updated", (e) => {
    find("[data-offline]").hidden = true;
    hear(JSON.parse(e.data));
  });
  stream.onopen = () => { find("[data-offline]").hidden = true; };
  stream.onerror = () => {
    find("[data-offline]").hidden = false;
    // The browser tries again by itself, unless the answer was no stream at all: then ask now and then.
    if (stream && stream.readyState === EventSource.CLOSED) {
      stream = null;
      ask();
    }
  };
}

function ask() {
  poll = setTimeout(async () => {
    poll = 0;
    try {
      const answer = await (await fetch(here("access"), { headers: { accept: "application/json" } })).json();
      if (answer.access) find("[data-offline]").hidden = true;
      // A fact that is missing for a moment is no answer.
      if (answer.access && !["waiting", "unavailable", "too-many"].includes(answer.code)) return hear(answer);
    } catch { /* offline: the next time */ }
    if (main.dataset.state === "waiting") ask();
  }, 4000 + Math.random() * 3000);
}

function stop() {
  if (stream) stream.close();
  stream = null;
  clearTimeout(poll);
  poll = 0;
}

function cool(seconds) {
  clearInterval(cooling);
  // A little more: the page must not be ahead of the server.
  const until = performance.now() + seconds * 1000 + 500;
  const button = find("[data-again]");
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    button.disabled = left > 0;
    find("[data-cooling]").hidden = left <= 0;
    find("[data-cooled]").hidden = left > 0;
    if (left <= 0) clearInterval(cooling);
  };
  tick();
  cooling = setInterval(tick, 500);
}

function tell(text) {
  problem.textContent = text || "";
  problem.hidden = !text;
}

for (const form of main.querySelectorAll("[data-knock]")) {
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const name = form.elements.name.value;
    const button = [...form.querySelectorAll("button")].find((b) => b.offsetParent !== null) || form.querySelector("button");
    button.disabled = true;
    tell("");
    try {
      const response = await fetch("/_roomgate/knock", {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ room, name }),
      });
      const answer = await response.json();
      if (response.ok) {
        for (const shown of main.querySelectorAll("[data-name]")) shown.textContent = answer.name || name;
        const details = form.closest("details");
        if (details) details.open = false;
        hear(answer);
      } else if (answer.code === "denied") {
        hear(answer);
      } else {
        tell(answer.message);
      }
    } catch {
      // No script can do better than the form itself.
      form.submit();
    }
    if (main.dataset.state !== "denied") button.disabled = false;
  });
}

find("[data-leave]").addEventListener("submit", async (e) => {
  e.preventDefault();
  try {
    const response = await fetch(here("knock"), { method: "DELETE", headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    stop();
    show("may-knock", true);
    find("#name").focus();
  } catch {
    location.reload();
  }
});

// A page brought back from the browser's memory shows what was, not what is.
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

find("[data-enter]").addEventListener("click", (e) => { e.preventDefault(); go(); });
if (Number(find("[data-cooling]").dataset.cooling) > 0) cool(Number(find("[data-cooling]").dataset.cooling));
show(main.dataset.state, false);
