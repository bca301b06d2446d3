"""What the editor offers as languages, and the first lines of a new script in each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Starter:
    """`extension` is that of the script's file; `highlight` the name the editor and Pygments know."""

    language: str
    label: str
    extension: str
    highlight: str
    code: str


_PYTHON = '''\
def main(name: str = "world", times: int = 1) -> dict:
    """Greet somebody.

    Args:
        name: whom to greet
        times: how often
    """
    for number in range(times):
        print(f"Hello {name}, {number + 1} of {times}")
    return {"greeted": name, "times": times}
'''

_BASH = """\
# One argument a line; the text after ":-" is its default.
name="$1"
times="${2:-1}"

for number in $(seq "$times"); do
  echo "Hello $name, $number of $times"
done
"""

STARTERS = {
    "python3": Starter("python3", "Python", "py", "python", _PYTHON),
    "bash": Starter("bash", "Bash", "sh", "bash", _BASH),
}


def starter(language: str) -> Starter:
    """The starter of `language`, Python's for one that has none."""
    return STARTERS.get(language, STARTERS["python3"])


def extension_of(language: str) -> str:
    """The file extension of a language's scripts, without the dot."""
    return starter(language).extension


def is_untouched(content: str) -> bool:
    """Whether `content` is still a starter's: then changing the language may replace it."""
    return not content.strip() or any(content.strip() == each.code.strip() for each in STARTERS.values())
