"""`python -m docs.generate`: write the pages that come from code; `--check` only says whether they are current."""

import shutil
import sys
from pathlib import Path

from docs import operations
from windmill_site.environment import SETTINGS, Setting

HERE = Path(__file__).resolve().parent
_SHOT = HERE.parent / "test-results" / "editor_tested_1440_light.png"  # the browser tests make it
HEAD = """# Settings

Environment variables, read once when a process starts. A value that cannot be used stops the start with one line.
An empty value counts as unset. This page is generated from `windmill_site/environment.py` by `make docs`.

| name | value | default | |
|---|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    return {
        HERE / "settings.md": HEAD + "".join(map(_row, SETTINGS)),
        HERE / "api-operations.md": operations.page(),
    }


def main(arguments: list[str]) -> int:
    """Write what is stale, or with --check name it and leave with 1."""
    operations.set_up_django()
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    silent = operations.undescribed()
    for route in silent:
        print(f"{route.method} {route.path} has no sentence: give its view a docstring.", file=sys.stderr)
    if "--check" in arguments:
        for path in stale:
            print(f"{path.name} is not current: run `make docs`.", file=sys.stderr)
        return int(bool(stale or silent))
    for path, text in stale.items():
        path.write_text(text)
    if _SHOT.exists():
        shutil.copy(_SHOT, HERE / "screenshot.png")
    return int(bool(silent))


def _row(setting: Setting) -> str:
    unit = f", {setting.unit}" if setting.unit else ""
    secret = " Secret: never shown." if setting.is_secret else ""
    return f"| `{setting.name}` | {setting.expects}{unit} | {_default(setting)} | {setting.sentence}{secret} |\n"


def _default(setting: Setting) -> str:
    match setting.default:
        case None | ():
            return ""
        case bool() as default:
            return str(default).lower()
        case default:
            return str(default)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
