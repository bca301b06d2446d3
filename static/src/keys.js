// Keys of every page: "/" focuses the filter, "g" then a letter goes to a page of the sidebar, Ctrl/⌘ Enter inside a form
// presses its [data-run].
const WAIT_MS = 900;
let waitingUntil = 0;

export function isTyping(element) {
  return Boolean(element?.closest?.("input, textarea, select, [contenteditable], wm-editor"));
}

function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
    const run = event.target.closest?.("form")?.querySelector("[data-run]");
    if (run) event.preventDefault();
    return run?.click();
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.timeStamp < waitingUntil) {
    waitingUntil = 0;
    document.querySelector(`.side a[data-key="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "g") waitingUntil = event.timeStamp + WAIT_MS;
  else if (event.key === "/") {
    const filter = document.querySelector("[data-filter]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
  }
}

globalThis.document?.addEventListener("keydown", onKey);
