// <wm-dialog> around a <dialog>: opens it as modal when it appears (a dialog that the server sent), closes it on a click
// outside, on [data-close] and after a successful htmx request of a form marked [data-close-on-success].
// A dialog opened by a button with command="show-modal" needs no island.
class WmDialog extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    const on = (name, does) => this.addEventListener(name, does, { signal: this.gone.signal });
    on("click", (event) => this.#click(event));
    on("htmx:after:request", (event) => this.#answered(event));
    this.dialog?.addEventListener("close", () => this.#closed(), { signal: this.gone.signal });
    if (this.hasAttribute("open-now") && !this.dialog?.open) this.dialog?.showModal();
  }
  disconnectedCallback() { this.gone.abort(); }

  get dialog() { return this.querySelector(":scope > dialog"); }

  #click(event) {
    if (event.target.closest("[data-close]")) return this.dialog.close();
    if (event.target === this.dialog && !this.hasAttribute("modal-only") && outside(this.dialog, event)) this.dialog.close();
  }
  #answered(event) {
    const status = event.detail.ctx?.response?.raw?.status ?? 0;
    if (event.target.matches("[data-close-on-success]") && status >= 200 && status < 300) this.dialog.close();
  }
  #closed() {
    this.dispatchEvent(new CustomEvent("wm:closed", { bubbles: true }));
    if (this.hasAttribute("open-now")) this.remove(); // it came from the server for this one time
  }
}

function outside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

customElements.define("wm-dialog", WmDialog);
