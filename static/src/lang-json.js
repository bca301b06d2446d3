import { json, jsonParseLinter } from "@codemirror/lang-json";
import { linter } from "@codemirror/lint";
export const language = () => [json(), linter(emptyIsFine(jsonParseLinter()))];

// An empty field means "not given", not broken JSON.
function emptyIsFine(lint) {
  return (view) => (view.state.doc.toString().trim() ? lint(view) : []);
}
