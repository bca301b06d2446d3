// The index to move to from `at` among `labels`, null when the key means nothing here.
export function target(key, at, labels) {
  const count = labels.length;
  if (!count) return null;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key.length !== 1 || key === " ") return null;
  const order = [...labels.keys()].map((index) => (at + 1 + index) % count);
  const hit = order.find((index) => labels[index].toLowerCase().startsWith(key.toLowerCase()));
  return hit ?? null;
}
