// Shares are percent of the first pane.

// Neither pane gets smaller than `min` pixels; when both cannot have that, they are equal. A length of 0 means "not laid out".
export function clampShare(share, length, min) {
  if (!length) return Math.min(95, Math.max(5, share));
  const least = (min / length) * 100;
  return least >= 50 ? 50 : Math.min(100 - least, Math.max(least, share));
}

// The share after a key, null when the key does not move the bar.
export function stepShare(key, share, rows) {
  const step = { [rows ? "ArrowUp" : "ArrowLeft"]: -2, [rows ? "ArrowDown" : "ArrowRight"]: 2, PageUp: -10, PageDown: 10 }[key];
  if (step !== undefined) return share + step;
  return { Home: 0, End: 100 }[key] ?? null;
}
