// <wm-rows> around the list of an array field: [data-add] clones the <template>, [data-remove] drops its row.
// Names hold the row's number only while the form is edited: the server reads rows in their order.
import { nextNumber } from "./rows.js";

class WmRows extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.addEventListener("click", (event) => this.#click(event), { signal: this.gone.signal });
  }
  disconnectedCallback() { this.gone.abort(); }

  get list() { return this.querySelector(":scope > ul"); }

  #click(event) {
    const button = event.target.closest("[data-add], [data-remove]");
    if (!button || button.closest("wm-rows") !== this) return;
    if (button.hasAttribute("data-add")) this.#add();
    else this.#remove(button.closest("li"));
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }
  #add() {
    const row = this.querySelector(":scope > template").content.cloneNode(true);
    const number = nextNumber([...this.list.children].map((item) => item.dataset.row));
    row.firstElementChild.dataset.row = number;
    for (const element of row.querySelectorAll("*")) {
      for (const name of ["name", "id", "for", "aria-describedby"]) {
        const value = element.getAttribute(name);
        if (value?.includes("__row__")) element.setAttribute(name, value.replaceAll("__row__", number));
      }
    }
    this.list.append(row);
    this.list.lastElementChild.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  }
  #remove(row) {
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (neighbour?.querySelector("[data-remove]") ?? this.querySelector(":scope > [data-add]"))?.focus();
  }
}

customElements.define("wm-rows", WmRows);
