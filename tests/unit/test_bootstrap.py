"""bin/bootstrap: finds a Python by running candidates, fetches the uv of uv.lock, does nothing when current."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = shutil.which("sh") or "/bin/sh"


def load_fetch_uv():
    spec = importlib.util.spec_from_file_location("fetch_uv", ROOT / "bin" / "fetch_uv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the script and a lock file, and a directory of programs that is all of PATH."""
    root = tmp_path / "checkout"
    (root / "bin").mkdir(parents=True)
    for name in ("bin/bootstrap", "bin/fetch_uv.py", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("cat", "cmp", "cp", "dirname", "mkdir", "tr", "uname"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return root


def make_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{SHELL}\n{text}\n")
    path.chmod(0o755)


def run(root: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": str(root.parent / "programs"), "HOME": str(root.parent / "home"), **environ}
    return subprocess.run(
        [SHELL, str(root / "bin" / "bootstrap")], env=given, capture_output=True, text=True, timeout=60, check=False
    )


# A uv that writes down what it was asked and makes an environment of the Python it was given.
FAKE_UV = """
[ "$1" = --version ] && exit 0
echo "$*" >> "{log}"
[ "$1" = python ] && exit 1
while [ "$1" != --python ]; do shift; done
mkdir -p .venv/bin && ln -sf "$2" .venv/bin/python
"""


def test_a_shim_that_fails_is_passed_over_for_one_that_runs(checkout, tmp_path):
    log = tmp_path / "uv.log"
    make_program(tmp_path / "programs" / "uv", FAKE_UV.format(log=log))
    (tmp_path / "programs" / "ln").symlink_to(shutil.which("ln"))
    make_program(tmp_path / "programs" / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    make_program(tmp_path / "programs" / "python3", "exit 1")
    here = f'exec {sys.executable} "$@"'
    make_program(tmp_path / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3.12", here)
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    assert "sync --frozen" in log.read_text()
    assert (checkout / ".venv" / "bin" / "python").exists()


def test_the_second_run_does_nothing(checkout, tmp_path):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (checkout / ".venv" / ".synced").mkdir()
    shutil.copy(checkout / "uv.lock", checkout / ".venv" / ".synced" / "uv.lock")
    done = run(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_any_python_it_says_what_to_install(checkout):
    if has_python_in_a_usual_place():
        make_old_pythons_invisible(checkout)
    done = run(checkout)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("bootstrap: ")
    assert "install" in done.stderr.strip().splitlines()[-1]


def has_python_in_a_usual_place() -> bool:
    return any(Path(place, "python3").exists() for place in ("/usr/bin", "/usr/local/bin"))


def make_old_pythons_invisible(checkout: Path) -> None:
    script = checkout / "bin" / "bootstrap"
    script.write_text(script.read_text().replace("/usr/bin /usr/local/bin", "/nowhere"))


def test_the_wheel_for_this_machine_is_the_one_in_the_lock():
    fetch = load_fetch_uv()
    url, sha256 = fetch.choose(fetch.wheels((ROOT / "uv.lock").read_text()), [("manylinux", "x86_64")])
    assert url.startswith("https://files.pythonhosted.org/")
    assert "manylinux" in url
    assert len(sha256) == 64


def test_a_machine_without_a_wheel_is_told():
    fetch = load_fetch_uv()
    with pytest.raises(LookupError, match="install uv by hand"):
        fetch.choose(fetch.wheels((ROOT / "uv.lock").read_text()), [("manylinux", "vax")])


def test_a_wheel_with_another_hash_is_refused(tmp_path, monkeypatch):
    fetch = load_fetch_uv()
    monkeypatch.setattr(fetch.urllib.request, "urlopen", lambda *_args, **_more: BytesIO(b"something else"))
    assert "is not the file uv.lock names" in str(fetch.main(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_unpacked_programs_can_be_run(tmp_path):
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as wheel:
        wheel.writestr("uv-1.data/scripts/uv", "#!/bin/sh\n")
        wheel.writestr("uv/__init__.py", "")
    load_fetch_uv().unpack(held.getvalue(), tmp_path / "bin")
    assert [each.name for each in (tmp_path / "bin").iterdir()] == ["uv"]
    assert (tmp_path / "bin" / "uv").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("name", ["bin/fetch_uv.py"])
def test_it_is_written_for_old_pythons(name):
    compile((ROOT / name).read_text(), name, "exec", dont_inherit=True)
    words = (ROOT / name).read_text()
    for new in ("match ", "tomllib", "removeprefix", " | None", "list["):
        assert new not in words, new
    assert os.access(ROOT / "bin" / "bootstrap", os.X_OK)
