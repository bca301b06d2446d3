"""The API of scripts and drafts."""

from scripts_app.api_dependencies import router as dependencies
from scripts_app.api_drafts import router as drafts
from scripts_app.api_read import router as read
from scripts_app.api_write import router as write

_SCRIPTS = "/w/{workspace}/scripts"
ROUTERS = [
    (_SCRIPTS, read),
    (_SCRIPTS, write),
    ("/w/{workspace}/drafts", drafts),
    ("/w/{workspace}/jobs/run", dependencies),
]
