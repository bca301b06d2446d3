// The browser's half of windmill_site/display.py: the same words, so that a refresh changes nothing.
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} m`;
  return `${minutes} m ${seconds % 60} s`;
}

// Counting up, tenths would flicker: whole seconds.
export function elapsed(ms) {
  return ms < 59950 ? `${Math.max(0, Math.floor(ms / 1000))} s` : duration(ms);
}

// null when the server's own words (a date) should stay.
export function relative(then, now) {
  const seconds = Math.floor(Math.abs(then - now) / 1000);
  if (seconds < 10) return "just now";
  const amount = length(seconds);
  if (!amount) return null;
  return then <= now ? `${amount} ago` : `in ${amount}`;
}

function length(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86400);
  return days < 7 ? `${days} ${days === 1 ? "day" : "days"}` : null;
}

// When the shown text next changes, so that a page of old times does not wake every second.
export function refreshMs(format, ageMs) {
  if (format === "elapsed") return 1000;
  const age = Math.abs(ageMs);
  if (age < 60_000) return 5000;
  return age < 3_600_000 ? 20_000 : 300_000;
}
