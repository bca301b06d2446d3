"""A checkout below a closed directory: the site's user reaches what it needs and nothing else."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live_site import ROOT
from windmill_site.os_user import Owner
from windmill_site.reachable import closed_ancestor, make_reachable

PROGRAM = """
import os, pwd, sys
from pathlib import Path
from windmill_site.os_user import Owner, become
from windmill_site.reachable import make_reachable

entry = pwd.getpwnam(sys.argv[1])
owner = Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)
tree = Path(sys.argv[2])
make_reachable([tree], owner)
become(owner)
print((tree / "file").read_text(), sorted(each.name for each in tree.parent.iterdir()))
"""


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A directory only its owner may enter, with a needed tree and something private beside it."""
    gate = tmp_path / "home"
    (gate / "tree").mkdir(parents=True)
    (gate / "tree" / "file").write_text("needed")
    (gate / "private").write_text("secret")
    for path in tmp_path.parents:
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    gate.chmod(0o700)
    return gate


def another_user() -> Owner:
    name = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    entry = pwd.getpwnam(name)
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)


def test_the_closed_directory_is_found(closed):
    stranger = Owner("daemon", 1, 1)
    assert closed_ancestor(closed / "tree", stranger) == closed
    assert closed_ancestor(Path("/usr/bin"), stranger) is None


def test_the_needed_tree_is_reached_and_its_neighbour_hidden(closed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, another_user().name, str(closed / "tree")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    seen = ["tree"] if os.geteuid() == 0 else ["private", "tree"]
    assert done.stdout.strip() == f"needed {seen}", done.stderr
    assert (closed / "private").read_text() == "secret"  # nobody else's view has changed


def test_an_open_way_needs_no_namespace():
    before = Path("/proc/self/ns/mnt").readlink()
    make_reachable([Path("/usr/bin")], another_user())
    assert Path("/proc/self/ns/mnt").readlink() == before
