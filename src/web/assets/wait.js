// Counts down to the moment when a door opens, then looks again. A little later for each: not everybody in the same instant.
const box = document.querySelector("[data-opens-in]");
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
    shown.textContent = days > 0 ? `${days} d ${rest}` : rest;
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
