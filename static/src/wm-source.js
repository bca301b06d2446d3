// <wm-source for="source" language="bash" diagnostics="[…]" content="…">: what the server found out about the source, handed
// to the editor with that id. `content` present: the editor takes it (another language's starter).
class WmSource extends HTMLElement {
  static observedAttributes = ["language", "diagnostics", "content"];
  connectedCallback() { this.#tell(); }
  attributeChangedCallback() { if (this.isConnected) this.#tell(); }

  #tell() {
    const editor = document.getElementById(this.getAttribute("for"));
    if (!editor) return;
    for (const name of ["language", "diagnostics"]) {
      const value = this.getAttribute(name) ?? "";
      if (editor.getAttribute(name) !== value) editor.setAttribute(name, value);
    }
    const content = this.getAttribute("content");
    if (content !== null && editor.value !== content) editor.value = content;
  }
}
customElements.define("wm-source", WmSource);
