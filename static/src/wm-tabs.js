// <wm-tabs> around role=tablist and its role=tabpanel siblings: click and arrow keys choose; `remember` keeps the choice
// for this key in the session. Emits wm:tab {id}. Setting the attribute `selected` to a panel's id chooses it.
class WmTabs extends HTMLElement {
  static observedAttributes = ["selected"];

  connectedCallback() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.addEventListener("click", (event) => this.#chosen(event.target.closest("[role=tab]")), { signal });
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    const kept = this.hasAttribute("remember") && sessionStorage.getItem(`wm-tabs:${this.getAttribute("remember")}`);
    if (kept && this.#tab(kept)) this.select(kept);
  }
  disconnectedCallback() { this.gone.abort(); }
  attributeChangedCallback(_name, _old, id) { if (id && this.gone) this.select(id); }

  select(id) {
    if (!this.#tab(id)) return;
    for (const tab of this.tabs) {
      const shown = tab.getAttribute("aria-controls") === id;
      tab.setAttribute("aria-selected", shown);
      tab.tabIndex = shown ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      if (panel) panel.hidden = !shown;
    }
    this.dispatchEvent(new CustomEvent("wm:tab", { bubbles: true, detail: { id } }));
  }

  get tabs() { return [...this.querySelectorAll("[role=tab]")].filter((tab) => tab.closest("wm-tabs") === this); }
  #tab(id) { return this.tabs.find((tab) => tab.getAttribute("aria-controls") === id); }

  #chosen(tab) {
    if (!tab || tab.closest("wm-tabs") !== this) return;
    const id = tab.getAttribute("aria-controls");
    if (this.hasAttribute("remember")) sessionStorage.setItem(`wm-tabs:${this.getAttribute("remember")}`, id);
    this.select(id);
  }
  #key(event) {
    const tabs = this.tabs;
    const at = tabs.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: tabs.length - 1 - at }[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    const tab = tabs[(at + step + tabs.length) % tabs.length];
    tab.focus();
    this.#chosen(tab);
  }
}
customElements.define("wm-tabs", WmTabs);
