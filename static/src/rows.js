// A number no row has, so that rows added after a removal never share a name.
export function nextNumber(taken) {
  return Math.max(-1, ...taken.map(Number).filter(Number.isInteger)) + 1;
}
