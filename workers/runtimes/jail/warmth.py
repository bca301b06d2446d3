"""What the fork server prepares once, so that no job pays for it: imports, and the TLS settings of HTTP clients."""

import importlib
import os
import sys
import warnings
from typing import Any

# What scripts and the client library import anyway.
_USUAL = (
    "asyncio base64 calendar collections.abc concurrent.futures contextlib copy csv dataclasses datetime decimal "
    "email.message enum fractions functools getpass hashlib heapq hmac html http.client importlib.resources inspect io "
    "itertools json linecache logging math mimetypes numbers operator pathlib pprint queue random re secrets shlex "
    "shutil signal socket ssl statistics string struct subprocess tempfile textwrap threading time traceback types "
    "typing unicodedata urllib.parse urllib.request uuid zlib zoneinfo"
).split()


def import_usual(packages: list[str]) -> list[str]:
    """Import the usual modules and `packages`; a failure is reported, the job's own import will tell more."""
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
    problems = []
    for name in (*_USUAL, *packages):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                problems.append(f"{name}: {error}")
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {error}")
    return problems


def share_tls_context() -> None:
    """Let every httpx client with default settings use one TLS context.

    httpx reads the whole list of authorities for each client: 25 ms of a job that only wants one variable.
    """
    transport: Any = sys.modules.get("httpx._transports.default")
    build = getattr(transport, "create_ssl_context", None)
    if build is None:
        return
    try:
        shared = build()
    except Exception:
        return  # a job that needs it will get the error itself

    def create_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        chosen = trust_env and (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"))
        if verify is True and cert is None and not chosen:
            return shared
        return build(verify=verify, cert=cert, trust_env=trust_env)

    transport.create_ssl_context = create_ssl_context
