// <wm-copy text="…"> or <wm-copy from="#id"> around a button: copies, shows it for a moment, emits wm:copied.
const SHOWN_MS = 1500;

class WmCopy extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.addEventListener("click", () => this.#copy(), { signal: this.gone.signal });
  }
  disconnectedCallback() {
    this.gone.abort();
    clearTimeout(this.timer);
  }
  async #copy() {
    const source = this.hasAttribute("from") ? document.querySelector(this.getAttribute("from")) : null;
    const text = source ? textOf(source) : this.getAttribute("text");
    try {
      await navigator.clipboard.writeText(text ?? "");
    } catch {
      if (!copyBySelection(text ?? "")) return; // pages served over plain http have no clipboard API
    }
    this.setAttribute("copied", "");
    this.dispatchEvent(new CustomEvent("wm:copied", { bubbles: true }));
    this.timer = setTimeout(() => this.removeAttribute("copied"), SHOWN_MS);
  }
}

// A log's lines are blocks without line ends between them.
function textOf(source) {
  const lines = [...source.querySelectorAll(".ln")];
  return lines.length ? lines.map((line) => line.textContent).join("\n") : (source.value ?? source.textContent);
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

customElements.define("wm-copy", WmCopy);
