// <wm-toasts> around the toasts region: successes leave after 5 s, errors stay until closed. Answers of htmx that never
// swap (5xx, no connection, time-out) become a toast here. Other code: document.dispatchEvent(new CustomEvent("wm:toast",
// {detail: {text, tone: "ok"|"bad"|"warn", hint}})).
const SHOWN_MS = 5000;

class WmToasts extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.popover = "manual";
    this.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest(".toast").remove(), { signal });
    document.addEventListener("wm:toast", (event) => this.#show(event.detail), { signal });
    document.addEventListener("htmx:response:error", (event) => this.#failed(event.detail.ctx), { signal });
    document.addEventListener("htmx:error", (event) => this.#unreachable(event.detail), { signal });
    this.watcher = new MutationObserver(() => this.#changed());
    this.watcher.observe(this, { childList: true });
    this.#changed();
  }
  disconnectedCallback() {
    this.gone.abort();
    this.watcher.disconnect();
  }

  // In the top layer, else a toast about a dialog would lie under that dialog.
  #changed() {
    if (this.matches(":popover-open")) this.hidePopover();
    if (this.children.length) this.showPopover();
    for (const toast of this.querySelectorAll(".toast:not([data-timed], .bad)")) {
      toast.dataset.timed = "";
      setTimeout(() => toast.remove(), SHOWN_MS);
    }
  }
  #show({ text, tone = "ok", hint = "" }) {
    const template = document.getElementById("toast-template");
    const toast = template.content.firstElementChild.cloneNode(true);
    toast.classList.add(tone);
    toast.setAttribute("role", tone === "bad" ? "alert" : "status");
    const [title, detail] = toast.querySelectorAll("p");
    title.textContent = text;
    detail.textContent = hint;
    detail.hidden = !hint;
    this.append(toast);
  }
  #failed(ctx) {
    const status = ctx?.response?.raw?.status ?? 0;
    if (status < 500) return; // swapped: the form again, or a toast the server wrote
    this.#show({ text: this.dataset.failed, hint: `${status} ${new URL(ctx.request.action, location.href).pathname}`, tone: "bad" });
  }
  #unreachable(detail) {
    if (detail?.ctx?.response || detail?.error?.name === "AbortError") return;
    this.#show({ text: this.dataset.unreachable, tone: "bad" });
  }
}
customElements.define("wm-toasts", WmToasts);
