// The code editor: pages that edit code load it with {% asset "editor" "lang-python" %}.
import "./wm-editor.js";
import "./wm-source.js";
