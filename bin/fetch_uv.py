"""Fetch the wheel of uv that uv.lock names for this machine, check its hash, unpack it. Python 3.8+, no packages.

Debian's Python comes without pip and venv, so nothing but the standard library may be needed.
"""

import hashlib
import io
import platform
import re
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

_LOCK = Path(__file__).resolve().parent.parent / "uv.lock"


def main(target):
    """Unpack uv into `target`; exit status 1 and one line when there is no wheel or no connection."""
    try:
        url, sha256 = choose(wheels(_LOCK.read_text()), platform_words())
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 (the address is in uv.lock)
            content = answer.read()
    except (LookupError, OSError) as error:
        return f"fetch_uv: {error}"
    if hashlib.sha256(content).hexdigest() != sha256:
        return f"fetch_uv: {url} is not the file uv.lock names; nothing was installed."
    unpack(content, Path(target) / "bin")
    return 0


def wheels(lock):
    """(address, sha256) of every wheel of uv in the text of uv.lock."""
    own = re.search(r'^name = "uv"$(.*?)^\[\[package\]\]', lock + "\n[[package]]", re.M | re.S)
    return re.findall(r'url = "([^"]+\.whl)", hash = "sha256:([0-9a-f]+)"', own.group(1)) if own else []


def choose(offered, words):
    """The offer whose file name has all `words` of one of the alternatives; the first alternative wins."""
    for alternative in words:
        for url, sha256 in offered:
            if all(word in url.rpartition("/")[2] for word in alternative):
                return url, sha256
    raise LookupError(f"uv has no wheel for this machine ({sysconfig.get_platform()}): install uv by hand.")


def platform_words():
    """What a fitting wheel's name holds, best first."""
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if sys.platform == "darwin":
        return [("macosx", "arm64" if machine == "aarch64" else machine)]
    libc = platform.libc_ver()[0]
    return [("manylinux" if libc == "glibc" else "musllinux", machine)]


def unpack(content, directory):
    """Write the wheel's programs into `directory`, executable."""
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        for name in wheel.namelist():
            if re.search(r"\.data/scripts/uvx?$", name):
                program = directory / name.rpartition("/")[2]
                program.write_bytes(wheel.read(name))
                program.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
