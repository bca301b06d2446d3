// What every page loads: htmx with websockets, and the small islands.
import "htmx.org";
import "htmx.org/dist/ext/hx-ws.js";
import "./wm-confirm.js";
import "./wm-copy.js";
import "./wm-dialog.js";
import "./wm-log.js";
import "./wm-menu.js";
import "./wm-rows.js";
import "./wm-split.js";
import "./wm-tabs.js";
import "./wm-theme.js";
import "./wm-time.js";
import "./wm-toasts.js";
import "./keys.js";
import "./seen.js";
