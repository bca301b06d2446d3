// <wm-log> around .log-view > .log-lines: follows the tail until scrolled up, joins small chunks, keeps the newest 20,000
// lines, finds, wraps. Chunks (.log-chunk[data-seq]) are appended by htmx swaps; after a reconnect the address of the
// websocket carries ?after=<last seq>, and chunks already shown are dropped. Emits wm:follow {following}.
import { LogFind } from "./log-find.js";
import { CHUNK_LINES, chunksToDrop, isNew, placeOf, resumeUrl, START } from "./log.js";

const NEAR_PX = 24;

class WmLog extends HTMLElement {
  connectedCallback() {
    this.view = this.querySelector(".log-view");
    this.lines = this.querySelector(".log-lines");
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.view.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.addEventListener("click", (event) => this.#click(event.target.closest("[data-log]")?.dataset.log), { signal });
    document.addEventListener("htmx:ws:before:connection", (event) => this.#resume(event), { signal });
    const find = this.querySelector("[data-log=find]");
    this.find = find && new LogFind(find, this.querySelector("[data-log=hits]"), this.lines, signal);
    this.place = START;
    this.#takeIn([...this.lines.children]);
    this.watcher = new MutationObserver((changes) => this.#takeIn(changes.flatMap((change) => [...change.addedNodes])));
    this.watcher.observe(this.lines, { childList: true });
    this.sizes = new ResizeObserver(() => this.following && this.#toEnd());
    for (const part of [this.view, this.lines]) this.sizes.observe(part);
    this.toggleAttribute("wrap", localStorage.getItem("wm-log:wrap") !== "off");
    this.#showWrap();
    this.#follow(!this.hasAttribute("paused"));
  }
  disconnectedCallback() {
    this.gone.abort();
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.find?.clear();
  }

  #takeIn(nodes) {
    const chunks = nodes.filter((node) => node.isConnected && node.classList?.contains("log-chunk") && !("known" in node.dataset));
    for (const chunk of chunks) this.#add(chunk);
    if (!chunks.length) return;
    this.#trim();
    this.find?.changed();
    if (this.following) this.#toEnd();
    else this.querySelector("[data-log=tail]")?.toggleAttribute("data-new", true);
  }
  #add(chunk) {
    chunk.dataset.known = "";
    if (chunk.nextElementSibling?.dataset.known === "") return; // earlier lines, loaded above
    const place = placeOf(chunk.dataset);
    if (!isNew(place, this.place)) return chunk.remove();
    this.place = place;
    const before = chunk.previousElementSibling;
    if (!before?.classList.contains("log-chunk")) return;
    if ("continues" in chunk.dataset) this.#continue(before, chunk);
    if (before.childElementCount + chunk.childElementCount <= CHUNK_LINES) {
      before.append(...chunk.children);
      before.style.setProperty("--n", before.childElementCount);
      chunk.remove();
    }
  }
  // The first line of this chunk is the rest of the last line of the chunk before.
  #continue(before, chunk) {
    const open = before.lastElementChild;
    const rest = chunk.firstElementChild;
    if (!open?.matches(".ln") || !rest?.matches(".ln")) return;
    (open.querySelector("span") ?? open).append(...rest.querySelector("span").childNodes);
    rest.remove();
  }
  #trim() {
    const chunks = [...this.lines.querySelectorAll(":scope > .log-chunk")];
    const drop = chunksToDrop(chunks.map((chunk) => chunk.childElementCount));
    for (const chunk of chunks.slice(0, drop)) chunk.remove();
    const note = this.querySelector("[data-log=dropped]");
    if (drop && note) note.hidden = false;
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.view;
    const atEnd = scrollTop + clientHeight > scrollHeight - NEAR_PX;
    // Chunks get their true height only when they come near the view; what that shifts is no decision to stop following.
    const shrank = scrollHeight < this.lastHeight;
    if (atEnd !== this.following && (atEnd || (scrollTop < this.lastTop && !shrank))) this.#follow(atEnd);
    this.#notePlace();
  }
  #toEnd() {
    this.view.scrollTop = this.view.scrollHeight;
    this.#notePlace();
  }
  #notePlace() {
    this.lastTop = this.view.scrollTop;
    this.lastHeight = this.view.scrollHeight;
  }
  #follow(following) {
    this.following = following;
    if (following) this.#toEnd();
    const tail = this.querySelector("[data-log=tail]");
    if (tail) {
      tail.hidden = following;
      if (following) tail.removeAttribute("data-new");
    }
    this.dispatchEvent(new CustomEvent("wm:follow", { bubbles: true, detail: { following } }));
  }
  #click(what) {
    if (what === "tail") this.#follow(true);
    if (what !== "wrap") return;
    localStorage.setItem("wm-log:wrap", this.toggleAttribute("wrap") ? "on" : "off");
    this.#showWrap();
    if (this.following) this.#toEnd();
  }
  #showWrap() { this.querySelector("button[data-log=wrap]")?.setAttribute("aria-pressed", this.hasAttribute("wrap")); }

  #resume(event) {
    const [seq] = this.place;
    if (seq && event.target.contains(this)) event.detail.connection.url = resumeUrl(event.detail.connection.url, seq);
  }
}
customElements.define("wm-log", WmLog);
