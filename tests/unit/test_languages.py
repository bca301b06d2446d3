"""Which interpreter a lock or a comment gets, and what of the worker's environment uv sees."""

import os
import sys
from pathlib import Path

import pytest

from scripts_app.requirements import python_requirements
from workers.languages import LockFailed, Tools, UvSettings
from workers.languages.interpreters import python_interpreters
from workers.languages.package_sets import PackageSet
from workers.languages.python_lock import choose_interpreter, default_interpreter, interpreter_of_lock

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
TOOLS = Tools(Path("/nowhere"), UvSettings(Path("uv")), os.environ["PATH"])


def chosen(comment: str):
    script = python_requirements(comment)
    return choose_interpreter(script.python, script, TOOLS)


def test_own_interpreter_is_found_outside_its_virtual_environment():
    found = python_interpreters(os.environ["PATH"])
    assert found[OWN] == Path(sys._base_executable).resolve()
    assert list(found) == sorted(found, key=lambda minor: int(minor.partition(".")[2]))


def test_default_is_taken_when_it_fits():
    assert chosen("") == chosen(f"# py: {OWN}") == default_interpreter(TOOLS)


def test_latest_is_taken_when_asked_for():
    newest_minor = list(python_interpreters(os.environ["PATH"]))[-1]
    assert chosen("# py_select_latest\n# py: >=3.10").minor == newest_minor


def test_what_nobody_has_is_refused_with_what_there_is():
    with pytest.raises(LockFailed, match=rf"(?s)==3\.99.*{OWN}"):
        chosen("# py: ==3.99.*")


@pytest.mark.parametrize(
    "head", [f"# py: {OWN}\n", f"# py{OWN.replace('.', '')}\n", f"#py: {OWN}\nx==1\n", "x==1\n", ""]
)
def test_first_line_of_a_lock_names_the_interpreter(head):
    assert interpreter_of_lock(head, TOOLS) == default_interpreter(TOOLS)


def test_lock_for_a_missing_interpreter_says_what_to_do():
    with pytest.raises(LockFailed, match="Deploy the script again"):
        interpreter_of_lock("# py: 3.99\nx==1\n", TOOLS)


def test_sets_from_other_indexes_or_locks_never_mix():
    python = default_interpreter(TOOLS)
    indexes = [UvSettings.from_environment({"PIP_INDEX_URL": url}).sources_hash for url in ("https://a", "https://b")]
    keys = {PackageSet(lock, python, index).key for lock in ("a==1\n", "a==2\n") for index in indexes}
    assert len(keys) == 4


def test_uv_names_win_over_pip_names():
    both = {"PIP_INDEX_URL": "https://pip", "UV_DEFAULT_INDEX": "https://uv", "PIP_CERT": "/c", "UV_PYTHON": "x"}
    settings = UvSettings.from_environment(
        {**both, "UV_INDEX_MINE_PASSWORD": "p", "https_proxy": "http://p", "HOME": "/"}
    )
    assert settings.environment == {
        "UV_DEFAULT_INDEX": "https://uv",
        "SSL_CERT_FILE": "/c",
        "UV_INDEX_MINE_PASSWORD": "p",
        "https_proxy": "http://p",
    }
