// Pure parts of the log view.
export const CHUNK_LINES = 200;
export const MAX_LINES = 20_000;
export const MAX_HITS = 2000;

// Where `query` stands in `text`, ignoring case: [[start, end], …].
export function hitsIn(text, query, limit = MAX_HITS) {
  const found = [];
  if (!query) return found;
  const hay = text.toLowerCase();
  const needle = query.toLowerCase();
  for (let at = hay.indexOf(needle); at >= 0 && found.length < limit; at = hay.indexOf(needle, at + needle.length)) {
    found.push([at, at + needle.length]);
  }
  return found;
}

// How many of the oldest chunks must go so that at most `max` lines stay. `sizes` are the chunks' line counts, oldest first.
export function chunksToDrop(sizes, max = MAX_LINES) {
  let total = sizes.reduce((sum, size) => sum + size, 0);
  let drop = 0;
  while (total > max && drop < sizes.length - 1) total -= sizes[drop++];
  return drop;
}

// A chunk's place in the log: its segment's number and its part of that segment.
export const START = [0, -1];

export function placeOf({ seq, part }) {
  return [Number(seq) || 0, Number(part) || 0];
}

// Whether a chunk comes after what is shown; one without a number always does.
export function isNew([seq, part], [lastSeq, lastPart]) {
  return seq === 0 || seq > lastSeq || (seq === lastSeq && part > lastPart);
}

// The websocket's address with the place up to which this page has the log, so that a reconnect repeats nothing.
export function resumeUrl(url, seq) {
  const resumed = new URL(url);
  resumed.searchParams.set("after", seq);
  return resumed.href;
}
