"""Looking at processes: who descends from whom, and who is still there."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process; `started` (clock ticks since boot) tells it from a later one with the same pid."""

    pid: int
    parent: int
    name: str
    started: int


def running() -> list[Process]:
    """Every process of this host except zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, tail = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue  # it ended while we looked
        fields = tail.split()
        if fields[0] not in "ZX":
            found.append(Process(int(entry.name), int(fields[1]), head.partition("(")[2], int(fields[19])))
    return found


def descendants(pid: int) -> list[Process]:
    """Children of `pid`, their children, and so on."""
    everybody = running()
    found: list[Process] = []
    parents = {pid}
    while parents:
        children = [each for each in everybody if each.parent in parents]
        found += children
        parents = {each.pid for each in children}
    return found


def named(pid: int, name: str) -> list[Process]:
    """The direct children of `pid` called `name`."""
    return [each for each in running() if each.parent == pid and each.name == name]


def all_gone(processes: list[Process]) -> bool:
    """Whether none of these runs any more; an AssertionError naming those that do."""
    left = set(processes) & set(running())
    assert not left, left
    return True
