"""`dev`: a changed source starts the site again; a broken one waits for the next change."""

import shutil
from pathlib import Path

import pytest

from tests.live_site import ROOT, LiveSite, free_port
from tests.processes import all_gone, descendants, named
from tests.waiting import eventually

_LEFT_OUT = (".git", ".venv", ".bootstrap", "node_modules", "__pycache__", "tests", "*_cache")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout that a test may change."""
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    return copy


def test_a_change_starts_the_site_again_and_a_broken_one_waits(checkout):
    site = LiveSite(database_url="", port=free_port(), checkout=checkout)
    site.start(command="dev")
    first = descendants(site.running.pid)
    postgres = named(site.running.pid, "postgres")

    source = checkout / "windmill_site" / "apps.py"
    sound = source.read_text()
    source.write_text(sound + "\n# changed\n")
    web = [each for each in first if each.name == "wm-web"]
    eventually(lambda: all_gone(web), within_s=30)
    eventually(lambda: [each for each in descendants(site.running.pid) if each.name == "wm-web"], within_s=30)
    eventually(site.is_ready, within_s=30)
    assert named(site.running.pid, "postgres") == postgres

    source.write_text(sound + "\nthis is no Python\n")
    eventually(lambda: "starts again after the next change" in site.output(), within_s=30)
    source.write_text(sound)
    eventually(site.is_ready, within_s=30)

    family = descendants(site.running.pid)
    site.stop()
    assert all_gone(family)
