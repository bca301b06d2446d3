// <wm-confirm> around a <dialog>: hx-confirm="Question" asks here instead of in the browser's box. The element's
// data-confirm-action names the button ("Delete"), data-confirm-tone="bad" makes it red.
class WmConfirm extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    document.addEventListener("htmx:confirm", (event) => this.#ask(event), { signal });
    this.dialog.addEventListener("close", () => this.#answer(), { signal });
  }
  disconnectedCallback() { this.gone.abort(); }

  get dialog() { return this.querySelector("dialog"); }

  #ask(event) {
    const { ctx } = event.detail;
    if (!ctx.confirm) return;
    event.preventDefault();
    this.pending = event.detail;
    const source = ctx.sourceElement;
    this.querySelector("[data-confirm=question]").textContent = ctx.confirm;
    const button = this.querySelector("[data-confirm=yes]");
    button.textContent = source.dataset.confirmAction ?? source.textContent.trim();
    button.classList.toggle("bad", source.dataset.confirmTone === "bad" || source.classList.contains("bad"));
    this.dialog.returnValue = "";
    this.dialog.showModal();
  }
  #answer() {
    const pending = this.pending;
    this.pending = null;
    if (this.dialog.returnValue === "yes") pending?.issueRequest();
    else pending?.dropRequest();
  }
}
customElements.define("wm-confirm", WmConfirm);
