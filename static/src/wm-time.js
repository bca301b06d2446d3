// <wm-time format="relative|elapsed|clock"><time datetime title>: keeps its words current and shows the viewer's own zone.
import { elapsed, refreshMs, relative } from "./time.js";

// The server's words stay in other languages: these are not translated.
const ENGLISH = document.documentElement.lang.startsWith("en");

class WmTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    if (!time) return;
    const then = Date.parse(time.dateTime);
    time.title = new Date(then).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    if (this.getAttribute("format") === "clock") time.textContent = new Date(then).toLocaleTimeString(undefined, { hour12: false });
    else this.#tick(time, then);
  }
  disconnectedCallback() { clearTimeout(this.timer); }

  #tick(time, then) {
    const format = this.getAttribute("format");
    const now = Date.now();
    const text = format === "elapsed" ? elapsed(now - then) : ENGLISH && relative(then, now);
    if (text && text !== time.textContent) time.textContent = text;
    this.timer = setTimeout(() => this.#tick(time, then), refreshMs(format, now - then));
  }
}
customElements.define("wm-time", WmTime);
