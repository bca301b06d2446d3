"""`make test`: every test of every level, those of the islands included. Arguments go to pytest."""

import subprocess
import sys
from pathlib import Path

from tests import chromium
from windmill_site import assets

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Build what the browser tests load, find their Chromium, run pytest and Bun's runner; 0 when both are green."""
    try:
        chromium.executable()  # now, because installing one takes longer than a test may
    except chromium.NoChromium as error:
        print(error, file=sys.stderr)
        return 1
    report = assets.build()
    if report:
        print(report, flush=True)
    pytest = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False)
    islands = subprocess.run([assets.bun_path(), "test", "./tests/unit/js"], cwd=ROOT, check=False)
    return pytest.returncode or islands.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
