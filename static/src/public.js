// Pages outside the shell (login, set-up, approval): htmx without websockets, and what their forms need.
import "htmx.org";
import "./wm-copy.js";
import "./wm-rows.js";
import "./wm-time.js";
import "./wm-toasts.js";
