// <wm-theme> around buttons with value light, dark or system; <wm-nav> around the button that folds the sidebar.
// Both are cookies, so that the server renders the choice and nothing flashes.
const YEAR_S = 365 * 86400;

function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; samesite=lax`;
}

class WmTheme extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.addEventListener("click", (event) => this.#click(event), { signal: this.gone.signal });
    this.#mark(document.documentElement.dataset.theme || "system");
  }
  disconnectedCallback() { this.gone.abort(); }

  #click(event) {
    const theme = event.target.closest("button[value]")?.value;
    if (!theme) return;
    document.documentElement.dataset.theme = theme;
    remember("theme", theme);
    this.#mark(theme);
    this.dispatchEvent(new CustomEvent("wm:theme", { bubbles: true, detail: { theme } }));
  }
  #mark(theme) {
    for (const button of this.querySelectorAll("button[value]")) button.setAttribute("aria-pressed", button.value === theme);
  }
}

class WmNav extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.addEventListener("click", () => this.#fold(), { signal: this.gone.signal });
  }
  disconnectedCallback() { this.gone.abort(); }

  #fold() {
    const root = document.documentElement;
    const folded = root.dataset.nav !== "collapsed";
    root.dataset.nav = folded ? "collapsed" : "open";
    remember("nav", root.dataset.nav);
    this.querySelector("button")?.setAttribute("aria-expanded", !folded);
  }
}

customElements.define("wm-theme", WmTheme);
customElements.define("wm-nav", WmNav);
