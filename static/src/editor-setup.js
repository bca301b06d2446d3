// What every editor of ours can do and how it looks; colours are the CSS tokens, so themes need no code.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  crosshairCursor, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter,
  highlightSpecialChars, keymap, lineNumbers, placeholder, rectangularSelection,
} from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const INDENT = { python3: "    ", python: "    " };
const LANGUAGES = {
  python3: () => import("./lang-python.js"),
  python: () => import("./lang-python.js"),
  bash: () => import("./lang-shell.js"),
  shell: () => import("./lang-shell.js"),
  json: () => import("./lang-json.js"),
};

const colours = HighlightStyle.define([
  { tag: [t.keyword, t.modifier, t.operatorKeyword, t.controlKeyword, t.self], color: "var(--syn-keyword)" },
  { tag: [t.string, t.special(t.string), t.regexp], color: "var(--syn-string)" },
  { tag: [t.number, t.bool, t.null, t.atom], color: "var(--syn-number)" },
  { tag: [t.function(t.variableName), t.function(t.propertyName), t.propertyName], color: "var(--syn-function)" },
  { tag: [t.typeName, t.className, t.namespace, t.meta, t.standard(t.variableName)], color: "var(--syn-type)" },
  { tag: t.comment, color: "var(--syn-comment)", fontStyle: "italic" },
  { tag: t.invalid, color: "var(--bad)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "var(--fs-13)", backgroundColor: "var(--surface)", color: "var(--text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono-web)", lineHeight: "20px" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)" },
  "&:not(.boxed *) .cm-line": { padding: "0 12px 0 4px" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", border: "0", color: "var(--text-3)" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 12px", minWidth: "36px" },
  ".cm-foldGutter .cm-gutterElement": { color: "var(--text-3)", cursor: "default" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklab, var(--surface-2) 70%, transparent)" },
  ".cm-activeLineGutter": { color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklab, var(--accent) 24%, transparent)",
  },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in oklab, var(--accent) 14%, transparent)" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in oklab, var(--run-fill) 35%, transparent)" },
  ".cm-searchMatch-selected": { backgroundColor: "color-mix(in oklab, var(--run-fill) 70%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-panels": { backgroundColor: "var(--surface-2)", color: "var(--text)", fontFamily: "var(--font)", fontSize: "var(--fs-12)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "6px 8px" },
  ".cm-textfield, .cm-button": {
    height: "24px", border: "1px solid var(--control-line)", borderRadius: "var(--r-1)", background: "var(--surface)",
    color: "inherit", fontSize: "var(--fs-12)", padding: "0 6px",
  },
  ".cm-tooltip": {
    border: "1px solid var(--line-strong)", borderRadius: "var(--r-2)", backgroundColor: "var(--surface)",
    boxShadow: "var(--shadow-float)", overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono-web)", fontSize: "var(--fs-12)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--accent)", color: "var(--accent-fg)" },
  ".cm-diagnostic": { padding: "4px 8px", fontFamily: "var(--font)", fontSize: "var(--fs-12)" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad-fill)" },
  ".cm-gutter-lint": { width: "14px" },
  ".cm-lint-marker": { width: "10px", height: "10px" },
  ".cm-foldPlaceholder": { background: "var(--surface-3)", border: "0", color: "var(--text-2)", padding: "0 6px" },
  ".cm-placeholder": { color: "var(--text-3)" },
});

// The extensions of an editor; `keys` come first, so that ours win over CodeMirror's.
export function setup({ language, label, hint, keys, readOnly, compact }) {
  return [
    keymap.of(keys),
    compact ? [] : [lineNumbers(), foldGutter(), highlightActiveLineGutter(), lintGutter()],
    highlightSpecialChars(), history(), drawSelection(), dropCursor(), rectangularSelection(), crosshairCursor(),
    EditorState.allowMultipleSelections.of(true), EditorState.readOnly.of(readOnly), EditorState.tabSize.of(4),
    indentOnInput(), indentUnit.of(INDENT[language] ?? "  "), bracketMatching(), closeBrackets(), autocompletion(),
    compact ? EditorView.lineWrapping : highlightActiveLine(), highlightSelectionMatches(), search({ top: true }),
    syntaxHighlighting(colours), look, placeholder(hint),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
    EditorView.cspNonce.of(document.querySelector("script[nonce]")?.nonce ?? ""),
  ];
}

export async function languageOf(name) {
  const load = LANGUAGES[name];
  return load ? (await load()).language() : [];
}
