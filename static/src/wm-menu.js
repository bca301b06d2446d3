// <wm-menu> around the items of a popover menu: arrow keys, Home, End and first letters move; choosing an item closes it.
class WmMenu extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("click", (event) => event.target.closest(".menu-item") && this.popup?.hidePopover(), { signal });
    this.popup?.addEventListener("toggle", (event) => event.newState === "open" && this.items[0]?.focus(), { signal });
  }
  disconnectedCallback() { this.gone.abort(); }

  get popup() { return this.closest("[popover]"); }
  get items() { return [...this.querySelectorAll(".menu-item:not(:disabled)")]; }

  #key(event) {
    const items = this.items;
    const to = target(event.key, items.indexOf(document.activeElement), items.map((item) => item.textContent.trim()));
    if (to === null) return;
    event.preventDefault();
    items[to]?.focus();
  }
}

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

if (globalThis.customElements) customElements.define("wm-menu", WmMenu);
