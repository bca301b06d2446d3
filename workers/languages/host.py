"""What this host offers to languages: uv, a cache directory, the programs on its path."""

import functools
import os

from django.conf import settings

from workers.languages.base import Tools
from workers.languages.uv import UvSettings


@functools.cache
def host_tools() -> Tools:
    """The tools of the worker that runs in this process. Blocking; once a process."""
    return Tools(
        cache_root=settings.DATA_DIR / "cache",
        uv=UvSettings.from_environment(os.environ),
        path=os.environ.get("PATH", os.defpath),
    )
