// Find in a log: marks hits with the highlight API (no change to the DOM), Enter goes on, Shift Enter back, Escape clears.
import { hitsIn, MAX_HITS } from "./log.js";

export class LogFind {
  constructor(input, output, lines, signal) {
    Object.assign(this, { input, output, lines, ranges: [], at: -1 });
    input.addEventListener("input", () => this.#search(), { signal });
    input.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  changed() {
    if (!this.input.value || this.waiting) return;
    this.waiting = requestIdleCallback(() => {
      this.waiting = 0;
      this.#search(this.at);
    });
  }
  clear() {
    this.ranges = [];
    CSS.highlights?.delete("log-hit");
    CSS.highlights?.delete("log-now");
    this.output.textContent = "";
  }

  #search(keep = -1) {
    this.clear();
    const query = this.input.value;
    for (const line of query ? this.lines.querySelectorAll(".ln") : []) {
      for (const [start, end] of hitsIn(line.textContent, query, MAX_HITS - this.ranges.length)) this.ranges.push(rangeIn(line, start, end));
      if (this.ranges.length >= MAX_HITS) break;
    }
    CSS.highlights?.set("log-hit", new Highlight(...this.ranges));
    this.#go(keep >= 0 ? keep : this.ranges.length ? 0 : -1, keep < 0);
  }
  #go(index, scroll = true) {
    this.at = index;
    const range = this.ranges[index];
    CSS.highlights?.set("log-now", new Highlight(...(range ? [range] : [])));
    if (range && scroll) range.startContainer.parentElement.scrollIntoView({ block: "center" });
    const total = this.ranges.length;
    this.output.textContent = this.input.value ? `${total ? index + 1 : 0}/${total}${total >= MAX_HITS ? "+" : ""}` : "";
  }
  #key(event) {
    if (event.key === "Escape") {
      this.input.value = "";
      this.clear();
    } else if (event.key === "Enter" && this.ranges.length) {
      const count = this.ranges.length;
      this.#go((this.at + (event.shiftKey ? -1 : 1) + count) % count);
    } else return;
    event.preventDefault();
  }
}

// A range over characters start..end of an element's text, across its nodes.
function rangeIn(element, start, end) {
  const range = new Range();
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let passed = 0;
  let started = false;
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    const next = passed + node.length;
    if (!started && start < next) {
      range.setStart(node, start - passed);
      started = true;
    }
    if (started && end <= next) {
      range.setEnd(node, end - passed);
      return range;
    }
    passed = next;
  }
  return range;
}
