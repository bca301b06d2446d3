// <wm-editor language="python3" name="content" label="Code"><textarea>…</textarea></wm-editor>: CodeMirror over a textarea.
// Part of its form like any field (name from the element or its textarea). Without this script the textarea works.
// Attributes: language (python3, bash, json), label, placeholder, readonly, diagnostics (JSON of diagnostics.js),
// delay (ms before wm:edited, 250). Class "boxed": a small editor inside a form.
// Events: wm:save (Ctrl/⌘ S), wm:run (Ctrl/⌘ Enter), wm:edited {value} after a pause, input at every change.
// Property: value. Method: focus().
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { parseMessages, toDiagnostics } from "./diagnostics.js";
import { languageOf, setup } from "./editor-setup.js";

class WmEditor extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ["diagnostics", "language", "readonly"];
  #internals = this.attachInternals();
  #syntax = new Compartment();
  #locked = new Compartment();

  connectedCallback() {
    if (this.view) return;
    const area = this.querySelector("textarea");
    if (area?.name && !this.hasAttribute("name")) this.setAttribute("name", area.name);
    this.initial = area?.value ?? "";
    area?.remove();
    this.view = new EditorView({ doc: this.initial, parent: this, extensions: this.#extensions(area) });
    this.#internals.setFormValue(this.initial);
    this.#colour();
    this.#diagnose();
    this.dataset.ready = "";
  }
  disconnectedCallback() {
    clearTimeout(this.timer);
    const gone = this.view;
    queueMicrotask(() => { // a move in the document disconnects and connects again
      if (this.isConnected || this.view !== gone) return;
      gone?.destroy();
      this.view = null;
    });
  }
  attributeChangedCallback(name) {
    if (!this.view) return;
    if (name === "diagnostics") this.#diagnose();
    else if (name === "language") this.#colour();
    else this.view.dispatch({ effects: this.#locked.reconfigure(EditorState.readOnly.of(this.hasAttribute("readonly"))) });
  }
  formResetCallback() { this.value = this.initial; }
  formStateRestoreCallback(state) { if (this.view) this.value = state; }

  get name() { return this.getAttribute("name"); }
  get form() { return this.#internals.form; }
  get value() { return this.view?.state.doc.toString() ?? this.querySelector("textarea")?.value ?? ""; }
  set value(text) { this.view?.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } }); }
  focus() { this.view?.focus(); }

  #extensions(area) {
    const described = area?.getAttribute("aria-describedby");
    return [
      setup({
        language: this.getAttribute("language"),
        label: this.getAttribute("label") ?? "Code",
        hint: this.getAttribute("placeholder") ?? "",
        compact: this.classList.contains("boxed"),
        readOnly: false,
        keys: [
          { key: "Mod-s", preventDefault: true, run: () => this.#emit("wm:save") },
          { key: "Mod-Enter", preventDefault: true, run: () => this.#emit("wm:run") },
        ],
      }),
      this.#syntax.of([]),
      this.#locked.of(EditorState.readOnly.of(this.hasAttribute("readonly") || area?.disabled === true)),
      EditorView.contentAttributes.of(described ? { "aria-describedby": described } : {}),
      EditorView.updateListener.of((update) => update.docChanged && this.#changed()),
    ];
  }
  #changed() {
    this.#internals.setFormValue(this.value);
    this.dispatchEvent(new Event("input", { bubbles: true }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#emit("wm:edited", { value: this.value }), Number(this.getAttribute("delay")) || 250);
  }
  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    return true;
  }
  async #colour() {
    const wanted = this.getAttribute("language");
    const extension = await languageOf(wanted);
    if (this.view && this.getAttribute("language") === wanted) this.view.dispatch({ effects: this.#syntax.reconfigure(extension) });
  }
  #diagnose() {
    const { doc } = this.view.state;
    const found = toDiagnostics(parseMessages(this.getAttribute("diagnostics")), (number) => doc.line(number), doc.lines);
    this.view.dispatch(setDiagnostics(this.view.state, found));
  }
}
customElements.define("wm-editor", WmEditor);
