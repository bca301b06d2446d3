"""How a job becomes a message to its child: Python code to run, or a program with its arguments."""

import json
import re
from typing import Any

from workers.runtimes.base import JobSpec
from workers.runtimes.jail import wire

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMMANDS = {"bash": (["/bin/bash", "-e", "main.sh"], "main.sh")}  # -e: a failing line ends the script

PROGRAM_LANGUAGES = tuple(_COMMANDS)


def pack_python(spec: JobSpec, directory: str, process_limit: int) -> bytes:
    """The hand-over message of a Python job."""
    header = {
        "module": module_name(spec.module_path),
        "entrypoint": spec.entrypoint,
        "result_cap": spec.result_cap_bytes,
        **_common(spec, directory, process_limit),
    }
    return wire.pack_hand_over(header, spec.code.encode(errors="replace"), spec.args)


def pack_program(spec: JobSpec, directory: str, process_limit: int) -> bytes:
    """The hand-over message of a job that is a program."""
    command, script = _COMMANDS[spec.language]
    header = {"command": [*command, *_arguments(spec)], "script": script, **_common(spec, directory, process_limit)}
    return wire.pack_hand_over(header, spec.code.encode(errors="replace"), spec.args)


def module_name(path: str) -> str:
    """`f/my-folder/1st script` → `f/my_folder/_1st_script`: every part a name that Python can import."""
    parts = []
    for part in path.split("/"):
        name = re.sub(r"[- ]", "_", part).replace("@", ".")
        if name and name.strip("."):
            parts.append(f"_{name}" if name[0].isdigit() else name)
    return "/".join(parts) or "script"


def _common(spec: JobSpec, directory: str, process_limit: int) -> dict[str, Any]:
    env = {"PATH": _DEFAULT_PATH, "LANG": "C.UTF-8", **spec.env, "HOME": directory, "TMPDIR": directory}
    return {"env": env, "files": dict(spec.files), "max_processes": process_limit}


def _arguments(spec: JobSpec) -> list[str]:
    """Positional texts in signature order: strings raw, other values as compact JSON, absent or null as ''."""
    given = json.loads(spec.args)
    values = ((given.get(name), name) for name in spec.arg_order)
    return [_as_text(spec.arg_defaults.get(name) if value is None else value) for value, name in values]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\0", "").encode(errors="replace").decode()
