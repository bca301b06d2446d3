// <wm-split remember="key" share="60" min="240" direction="columns|rows">: two panes with a bar between them that is
// dragged or moved by arrow keys, doubles as "reset" on double click, and is remembered in this browser.
import { clampShare, stepShare } from "./split.js";

class WmSplit extends HTMLElement {
  connectedCallback() {
    if (this.children.length !== 2 && !this.bar) return;
    this.bar ??= this.#makeBar();
    this.gone = new AbortController();
    const on = (name, does) => this.bar.addEventListener(name, does, { signal: this.gone.signal });
    on("pointerdown", (event) => this.#grab(event));
    on("pointermove", (event) => this.#drag(event));
    on("pointerup", () => this.#drop());
    on("pointercancel", () => this.#drop());
    on("keydown", (event) => this.#key(event));
    on("dblclick", () => this.#set(this.#initial, true));
    this.dataset.ready = "";
    this.#set(Number(this.#stored()) || this.#initial, false);
  }
  disconnectedCallback() { this.gone?.abort(); }

  get rows() { return this.getAttribute("direction") === "rows"; }
  get #initial() { return Number(this.getAttribute("share")) || 50; }
  get #length() { return this.rows ? this.clientHeight : this.clientWidth; }

  #makeBar() {
    const bar = document.createElement("div");
    bar.className = "split-bar";
    bar.tabIndex = 0;
    bar.setAttribute("role", "separator");
    bar.setAttribute("aria-orientation", this.rows ? "horizontal" : "vertical");
    bar.setAttribute("aria-label", this.getAttribute("label") ?? "");
    this.children[0].after(bar);
    return bar;
  }
  #stored() { return this.hasAttribute("remember") && localStorage.getItem(`wm-split:${this.getAttribute("remember")}`); }

  #set(share, keep) {
    this.share = clampShare(share, this.#length, Number(this.getAttribute("min")) || 200);
    this.style.setProperty("--split", `${this.share}%`);
    this.bar.setAttribute("aria-valuenow", Math.round(this.share));
    if (keep && this.hasAttribute("remember")) localStorage.setItem(`wm-split:${this.getAttribute("remember")}`, this.share.toFixed(2));
    this.dispatchEvent(new CustomEvent("wm:split", { bubbles: true, detail: { share: this.share } }));
  }
  #grab(event) {
    event.preventDefault();
    this.bar.setPointerCapture(event.pointerId);
    this.bar.dataset.drag = "";
    this.bar.focus({ preventScroll: true });
  }
  #drag(event) {
    if (!("drag" in this.bar.dataset)) return;
    const box = this.getBoundingClientRect();
    const at = this.rows ? event.clientY - box.top : event.clientX - box.left;
    this.#set((at / this.#length) * 100, false);
  }
  #drop() {
    if (!("drag" in this.bar.dataset)) return;
    delete this.bar.dataset.drag;
    this.#set(this.share, true);
  }
  #key(event) {
    const share = stepShare(event.key, this.share, this.rows);
    if (share === null) return;
    event.preventDefault();
    this.#set(share, true);
  }
}
customElements.define("wm-split", WmSplit);
