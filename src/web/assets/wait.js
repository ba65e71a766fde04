// Waits for a door: counts down to the moment when it opens, or asks now and then whether there is a place. Then looks again, each page a
// little later than the others.
const box = document.querySelector("[data-opens-in]");
const full = document.querySelector("[data-place-in]");
const { title } = document;

if (box) {
  const start = performance.now();
  const total = Number(box.dataset.opensIn);
  const shown = box.querySelector("[data-left]");
  const moment = box.querySelector("time");
  if (moment) {
    const at = new Date(moment.dateTime);
    if (!Number.isNaN(at.getTime())) {
      moment.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    }
  }
  shown.parentElement.hidden = false;
  const pad = (n) => String(n).padStart(2, "0");
  const tick = () => {
    const left = Math.max(0, total - (performance.now() - start));
    const s = Math.ceil(left / 1000);
    const days = Math.floor(s / 86400);
    const rest = `${pad(Math.floor(s / 3600) % 24)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
    shown.textContent = days > 0 ? `${days} ${box.dataset.days} ${rest}` : rest;
    document.title = `${shown.textContent} · ${title}`;
    if (left > 0) {
      setTimeout(tick, Math.min(1000, left % 1000 || 1000));
    } else {
      setTimeout(() => location.reload(), 300 + Math.random() * 1700);
    }
  };
  tick();
  // A device that slept may be late: look again when somebody looks.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && performance.now() - start > 60000) location.reload();
  });
}

if (full) {
  // The longer it takes, the more rarely: from 5 seconds to a minute.
  let pause = 5000;
  const ask = async () => {
    try {
      const response = await fetch(`/_roomgate/access?room=${encodeURIComponent(full.dataset.placeIn)}`, { headers: { accept: "application/json" } });
      const answer = await response.json();
      if (answer.code && answer.code !== full.dataset.code) return location.reload();
    } catch { /* offline: asked again */ }
    pause = Math.min(60000, pause * 1.2);
    later();
  };
  const later = () => setTimeout(ask, pause * (0.8 + 0.4 * Math.random()));
  later();
}
