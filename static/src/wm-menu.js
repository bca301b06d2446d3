// <wm-menu> around the items of a popover menu: arrow keys, Home, End and first letters move; choosing an item closes it.
import { target } from "./menu.js";

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

customElements.define("wm-menu", WmMenu);
