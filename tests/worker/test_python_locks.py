"""Locks and package directories, made by the real uv from the real index."""

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.waiting import eventually
from workers.languages import LANGUAGES, LockFailed, PrepareFailed, Tools, UnknownLanguage, UvSettings, language
from workers.languages.bash import BASH
from workers.languages.package_sets import evict_sets
from workers.languages.python import BASE_LOCK, PYTHON, ensure_base, install, lock
from workers.languages.python_lock import default_interpreter
from workers.languages.uv import run_uv

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
TINY = f"# py: {OWN}\niniconfig==2.0.0\n"


@pytest.fixture(scope="module")
def cache_root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tools(cache_root) -> Tools:
    return Tools(cache_root, UvSettings.from_environment(os.environ, timeout_s=100), os.environ["PATH"])


@pytest.fixture
def log() -> list[str]:
    return []


def imports(python: Path, directory: Path, code: str) -> str:
    """What `code` prints on `python` with `directory` on the path and nothing else of ours."""
    return subprocess.run(
        [python, "-E", "-s", "-c", f"import sys; sys.path.insert(0, {str(directory)!r})\n{code}"],
        capture_output=True, text=True, check=True, env={},
    ).stdout.strip()  # fmt: skip


async def test_lock_pins_and_names_the_python(tools, log):
    found = await lock("# requirements: iniconfig==2.0.0\nimport os", tools, log.append)
    assert found == TINY
    assert "iniconfig" in "".join(log)


async def test_imports_are_locked_with_those_of_imported_scripts(tools, log):
    code = "from f.lib.x import y\n# nothing else"
    found = await PYTHON.lock(code, tools, log.append, imported=["import iniconfig"])
    assert "\niniconfig==" in found


@pytest.mark.parametrize("code", ["", "import os, wmill\ndef main(): ...", "def main():\n    return wmill.get_state()"])
async def test_nothing_to_install_is_an_empty_lock_without_uv(code, tools, log):
    assert await lock(code, tools, log.append) == ""
    assert PYTHON.needs_lock(code) is False
    assert log == []


async def test_unresolvable_requirement_shows_the_resolvers_words(tools, log):
    with pytest.raises(LockFailed, match=r"no version of iniconfig==99") as raised:
        await lock("import iniconfig # pin: iniconfig==99", tools, log.append)
    assert raised.value.line == 1
    assert "iniconfig==99" in "".join(log)


async def test_source_only_package_is_refused_with_the_reason(tools, log):
    with pytest.raises(LockFailed, match="outside the jobs' sandbox"):
        await lock("import docopt", tools, log.append)


async def test_mistakes_in_comments_fail_before_anything_runs(tools, log):
    with pytest.raises(LockFailed, match="line 2") as raised:
        await lock("# requirements:\n# --index-url=https://evil.example\n", tools, log.append)
    assert raised.value.line == 2


async def test_python_nobody_has_is_refused_with_what_there_is(tools, log):
    with pytest.raises(LockFailed, match=default_interpreter(tools).version.replace(".", r"\.")):
        await lock("# py: >=3.99\nimport iniconfig", tools, log.append)


async def test_the_same_requirements_are_resolved_once(tools, log):
    code = "# requirements: iniconfig>=2,<2.0.1"
    first = await lock(code, tools, log.append)
    without_network = UvSettings(tools.uv.binary, {**tools.uv.environment, "UV_OFFLINE": "1"})
    again = await lock(code + "\n", Tools(tools.cache_root, without_network, tools.path), log.append)
    assert again == first
    assert "Resolved before" in log[-1]


async def test_installed_set_is_compiled_read_only_and_importable(tools, log):
    place = await install(TINY, tools, log.append)
    assert place.parent == tools.cache_root / "python"
    assert imports(default_interpreter(tools).path, place, "import iniconfig; print(iniconfig.__file__)") == str(
        place / "iniconfig" / "__init__.py"
    )
    assert list((place / "iniconfig" / "__pycache__").glob("*.pyc"))
    everything = [place, *place.rglob("*")]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o222 == 0 for path in everything)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 for path in everything)


async def test_second_install_uses_the_same_set(tools, log):
    place = await install(TINY, tools, log.append)
    log.clear()
    assert await install(TINY, tools, log.append) == place
    assert log == []


async def test_two_builders_at_once_build_once(tools, log):
    pinned = TINY + "# two at once\n"
    places = await asyncio.gather(*(install(pinned, tools, log.append) for _ in range(4)))
    assert len(set(places)) == 1
    assert "".join(log).count("Installed 1 package") == 1


async def test_what_a_dead_builder_left_is_not_used_and_goes(tools, log):
    pinned = TINY + "# left over\n"
    place = await install(pinned, tools, log.append)
    left_over = place.parent / f".building-{place.name[:32]}-dead"
    left_over.mkdir()
    (left_over / "half.py").write_text("")
    left_over.chmod(0o500)
    place.rename(place.with_name("gone"))
    assert await install(pinned, tools, log.append) == place
    assert not left_over.exists()
    assert (place / "iniconfig").is_dir()


async def test_builder_waits_for_the_one_at_work_and_can_be_cancelled(tools, log):
    pinned = TINY + "# waits\n"
    place = await install(pinned, tools, log.append)
    place.rename(place.with_name("gone2"))
    with place.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.create_task(install(pinned, tools, log.append))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await install(pinned, tools, log.append) == place


async def test_failed_install_leaves_nothing(tools, log):
    with pytest.raises(PrepareFailed, match="iniconfig==99"):
        await install("iniconfig==99\n", tools, log.append)
    assert list((tools.cache_root / "python").glob(".building-*")) == []


async def test_base_has_the_client_at_the_locked_versions(tools, log):
    place = await ensure_base(tools, log.append)
    python = default_interpreter(tools).path
    assert imports(python, place, "import wmill; print(wmill.__file__)").startswith(str(place))
    versions = {
        one["name"]: one.get("version")
        for one in tomllib.loads((Path(__file__).parents[2] / "uv.lock").read_text())["package"]
    }
    for line in BASE_LOCK.splitlines():
        name, _, rest = line.partition("==")
        assert versions.get(name, rest.split(" ")[0]) == rest.split(" ")[0]


async def test_prepared_python_has_lock_before_base(tools, log):
    env = await PYTHON.prepare("", TINY, tools, log.append)
    assert [place.is_dir() for place in env.package_dirs] == [True, True]
    assert (env.package_dirs[0] / "iniconfig").is_dir()
    assert env.lock_hash == env.package_dirs[0].name
    without = await PYTHON.prepare("import os", None, tools, log.append)
    assert without.package_dirs == env.package_dirs[1:]
    library = ["import iniconfig # pin: iniconfig==2.0.0"]
    with_import = await PYTHON.prepare("from f.lib.x import y", None, tools, log.append, imported=library)
    assert with_import.package_dirs == env.package_dirs


async def test_cancelled_uv_leaves_no_process(tools, log, tmp_path):
    pid_file = tmp_path / "pid"
    slow = tmp_path / "uv"
    slow.write_text(f"#!/bin/sh\necho $$ > {pid_file}.new\nmv {pid_file}.new {pid_file}\nsleep 100 & sleep 100\n")
    slow.chmod(0o755)
    settings = UvSettings(slow)
    running = asyncio.create_task(run_uv(settings, [], cache_root=tmp_path, on_log=log.append))
    await asyncio.to_thread(eventually, pid_file.exists)
    group = int(pid_file.read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(eventually, lambda: not processes_of(group))


async def test_uv_that_hangs_is_ended_with_a_message(tools, log, tmp_path):
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\nsleep 100\n")
    slow.chmod(0o755)
    hanging = Tools(tmp_path, UvSettings(slow, timeout_s=0.2), tools.path)
    with pytest.raises(LockFailed, match=r"did not finish within 0\.2 s"):
        await lock("import iniconfig", hanging, log.append)


async def test_uv_gets_no_variable_it_does_not_need_and_logs_no_password(tools, log, tmp_path):
    shows = tmp_path / "uv"
    shows.write_text("#!/bin/sh\nenv >&2\n")
    shows.chmod(0o755)
    environ = {"SECRET_KEY": "no", "DATABASE_URL": "no", "PIP_INDEX_URL": "https://me:pw@index.example/simple"}
    settings = UvSettings(shows, UvSettings.from_environment(environ).environment)
    await run_uv(settings, [], cache_root=tmp_path, on_log=log.append)
    names = {line.partition("=")[0] for line in "".join(log).splitlines()}
    assert names <= {"PATH", "HOME", "UV_CACHE_DIR", "UV_DEFAULT_INDEX", "PWD", "SHLVL", "_", "OLDPWD"}
    assert "UV_DEFAULT_INDEX=https://***@index.example/simple" in "".join(log)
    assert "pw" not in repr(settings)


async def test_sets_unused_longest_are_evicted_first(tools, log, tmp_path):
    kept = tmp_path / "python"
    for age, name in enumerate("abc"):
        (kept / (name * 64)).mkdir(parents=True)
        (kept / (name * 64) / "x.py").write_text("x" * 10_000)
        (kept / (name * 64)).chmod(0o555)
        os.utime(kept / (name * 64), (1000 + age, 1000 + age))
    assert evict_sets(tmp_path, max_bytes=25_000, idle_s=60) == ["a" * 64]
    assert sorted(place.name[0] for place in kept.iterdir()) == ["b", "c"]
    os.utime(kept / ("b" * 64))
    os.utime(kept / ("c" * 64))
    assert evict_sets(tmp_path, max_bytes=0, idle_s=60) == []


async def test_bash_needs_nothing(tools, log):
    env = await BASH.prepare("echo", None, tools, log.append)
    assert (env.interpreter.name, env.package_dirs, await BASH.lock("", tools, log.append)) == ("bash", (), "")


def test_registry_names_what_there_is():
    assert set(LANGUAGES) == {"python3", "bash"}
    with pytest.raises(UnknownLanguage, match="bash, python3"):
        language("cobol")


def processes_of(group: int) -> list[str]:
    found = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]]
