"""What a Python script needs: its imports, or the comments that overrule them."""

import doctest
import importlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_app.requirements import combine, python_requirements
from scripts_app.requirements.python_version import newest, satisfies

MODULES = ["scripts_app.requirements"] + [
    f"scripts_app.requirements.{name}" for name in ("import_names", "python_version", "requirement_text")
]


def names(code: str) -> list[str]:
    return list(python_requirements(code).names)


@pytest.mark.parametrize("module", [*MODULES, "scripts_app.signatures"])
def test_examples_in_docstrings_run(module):
    found = doctest.testmod(importlib.import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os, sys, asyncio.tasks\nfrom __future__ import annotations", []),
        ("import wmill\nfrom wmill import S3Object", []),
        ("def main():\n    return wmill.get_resource('u/a/b')", []),
        ("import yaml\nimport yaml.nodes\nfrom yaml import load, dump", ["pyyaml"]),
        ("import psycopg2, psycopg", ["psycopg2-binary", "psycopg[binary,pool]"]),
        ("import my_lib.part", ["my-lib"]),
        ("from google.cloud import storage, bigquery", ["google-cloud-storage", "google-cloud-bigquery"]),
        ("from google.cloud.pubsub_v1 import X", ["google-cloud-pubsub"]),
        ("from azure.storage.filedatalake import X", ["azure-storage-file-datalake"]),
        ("import azure.mgmt.dns", ["azure-mgmt-dns"]),
        ("from bs4 import BeautifulSoup as B", ["beautifulsoup4"]),
        ("from . import x\nfrom f.a.b import c\nimport u.me.k as q", []),
    ],
)
def test_imports_name_packages(code, expected):
    assert names(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        "# Requirements: psycopg2-binary, requests>=2,<3\nimport other",
        "#requirements:\n#psycopg2-binary\n#requests>=2,<3\n\n# not a list item\nimport other",
        "# REQUIREMENTS:\n# psycopg2-binary\n# requests>=2,<3\n# Then a sentence.\n# no\nimport other",
        "# a comment\n\n# requirements: psycopg2-binary,\n# requests>=2,<3\nimport other",
        "# requirements:\r\n# psycopg2-binary\r\n# requests>=2,<3\r\nimport other",
        '# /// script\n# requires-python = ">=3.12"\n# dependencies = [\n#   "psycopg2-binary",\n'
        '#   "requests>=2,<3",\n# ]\n# ///\nimport other',
        "# requirements: wmill, psycopg2-binary\n# requirements: requests>=2,<3\n",
    ],
)
def test_an_explicit_list_turns_inference_off(code):
    assert names(code) == ["psycopg2-binary", "requests>=2,<3"]


def test_an_empty_list_means_nothing():
    assert python_requirements("# requirements:\nimport requests").explicit == ()


def test_a_list_below_code_is_a_comment():
    assert names("import a\n# requirements: b") == ["a"]


def test_a_sentence_is_no_list():
    found = python_requirements("# Requirements: Python and a database\nimport a")
    assert (found.names, len(found.warnings)) == (("a",), 1)


def test_flags_end_a_list_and_are_read():
    found = python_requirements("# requirements:\n# a\n# sandbox\n# py312\n")
    assert (found.names, found.flags, found.python) == (("a",), {"sandbox"}, "==3.12.*")


@pytest.mark.parametrize("head", ["extra_requirements", "extra-requirements", "Extra_Requirements"])
def test_extra_requirements_add_to_the_imports(head):
    assert names(f"# {head}:\n# pandas==2.0.0\nimport numpy") == ["numpy", "pandas==2.0.0"]


@pytest.mark.parametrize(
    "entry",
    [
        "--index-url=https://x",
        "-r",
        "./local",
        "/etc/passwd",
        "file:///x.whl",
        "git+https://h/r",
        "a@git+ssh://h/r",
        "a@http://h/a.whl",
        "a@https://user:pw@h/a.whl",
        "a@https://h/$X.whl",
        "${HOME}",
        "a;b\\",
        "é",
        "a" * 501,
    ],
)
def test_what_would_run_or_read_on_the_host_is_refused(entry):
    listed = python_requirements(f"# requirements:\n# {entry}\nimport a")
    assert listed.names == ()
    assert listed.errors[0].line == 2
    assert entry not in python_requirements(f"# requirements: ok, {entry}").names


@pytest.mark.parametrize(
    "entry",
    [
        "a",
        "A.b_c-d",
        "a[x,y]>=1",
        "a >= 1, < 2",
        "a; python_version < '3.13'",
        "a@https://h/a-1-py3-none-any.whl",
        "a==1.*",
    ],
)
def test_requirements_of_every_shape_are_read(entry):
    assert names(f"# requirements:\n# {entry}") == [entry]


def test_pins_replace_the_inferred_requirement():
    assert names("import yaml # pin: pyyaml==6.0\nimport b") == ["pyyaml==6.0", "b"]
    assert python_requirements("import yaml # pin: --x").errors[0].line == 1


def test_pins_of_imported_scripts_add_up_and_a_repin_wins():
    first = python_requirements("import a # pin: a>=1\nfrom f.x.y import z")
    second = python_requirements("import a # pin: a<3\nimport b\n# py: <3.14")
    assert combine([first, second]).names == ("a>=1", "a<3", "b")
    third = python_requirements("# py: >=3.12\nimport a # repin: a==2")
    assert combine([first, second, third]).names == ("a==2", "b")
    assert combine([first, second, third]).python == ">=3.12"


def test_explicit_list_of_the_first_script_stands_alone():
    main, library = python_requirements("# requirements: a\n"), python_requirements("import b")
    assert combine([main, library]).names == ("a",)
    assert combine([library, main]).names == ("b", "a")


def test_imports_of_scripts_are_told_apart():
    found = python_requirements("from f.folder.s import x, y\nimport u.me.k as q\nfrom ..o.m import z\nfrom . import s")
    assert [(one.module, one.names, one.level) for one in found.scripts] == [
        ("f.folder.s", ("x", "y"), 0),
        ("u.me.k", (), 0),
        ("o.m", ("z",), 2),
        ("", ("s",), 1),
    ]


def test_hidden_imports_are_warned_about():
    code = "import a\ntry:\n    import b_c, os, a\nexcept ImportError:\n    from wmill import x\n"
    code += "def f():\n    from d import e, g"
    found = python_requirements(code)
    assert [note.line for note in found.warnings] == [3, 7]
    assert '"b_c"' in found.warnings[0].text
    assert "b-c" in found.warnings[0].text
    assert python_requirements("# extra_requirements: b-c, d\n" + code).warnings == ()


@pytest.mark.parametrize(
    ("comment", "spec"),
    [
        ("# py: >=3.12", ">=3.12"),
        ("#py: ~=3.11.2, !=3.11.4", "~=3.11.2,!=3.11.4"),
        ("# py: 3.12", "==3.12.*"),
        ("# py311", "==3.11.*"),
        ('# /// script\n# requires-python = ">=3.13"\n# ///', ">=3.13"),
    ],
)
def test_python_version(comment, spec):
    assert python_requirements(comment + "\nimport a").python == spec


@pytest.mark.parametrize("code", ["# py: new\n", "# /// script\n# x = \n# ///\n", "import (\n"])
def test_mistakes_are_errors_with_a_line(code):
    assert python_requirements(code).errors[0].line == 1


@pytest.mark.parametrize(
    ("spec", "fits"),
    {
        "": True,
        ">=3.12": True,
        "<3.12": False,
        "==3.12": False,
        "==3.12.*": True,
        "!=3.12.*": False,
        "~=3.12": True,
        "~=3.12.2": False,
        "===3.12.1": True,
        ">3.12": True,
        "<=3.12": False,
        ">=3.13rc1": False,
    }.items(),
)
def test_specifiers(spec, fits):
    assert satisfies("3.12.1", spec) is fits


def test_newest_compares_numbers():
    assert newest(["3.9.1", "3.12.1", "3.13.0"], "<3.13") == "3.12.1"
    assert newest(["3.9.1"], ">=3.10") is None


PIECES = [
    "# requirements:",
    "# ",
    "#",
    "a>=1",
    ",",
    "\n",
    "# /// script",
    "# ///",
    "import ",
    "from ",
    ".",
    "a",
    "\0",
    "\ud800",
]
PIECES += ["# py: ", "# pin: ", "[", "]", "[,", "=", '"', "f.x", "(", ")", " ", "\r", "dependencies = "]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(st.characters(codec=None), max_size=200))
@settings(max_examples=400, deadline=None)
def test_nothing_crashes_it(code):
    assert all("\n" not in name for name in python_requirements(code).names)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_of_one_piece(piece):
    python_requirements(piece * (1_000_000 // len(piece)))
    python_requirements("# requirements: " + piece * (1_000_000 // len(piece)))


@pytest.mark.parametrize(
    "code",
    [
        "# requirements:\n#x" + " " * 100_000 + "y",
        "import a # pin: x" + "\t" * 100_000 + "#",
        "# /// script\n" * 20_000,
        "# /// script\n# a\n" * 20_000 + "x = 1",
        "# requirements:" + " " * 100_000 + ",",
    ],
    ids=["an item's blanks", "a pin's blanks", "open blocks", "blocks that end in code", "a list's blanks"],
)
def test_comments_cost_time_in_proportion(code: str) -> None:
    """Blanks at the end of a line took the worker that read them minutes: `.*?\\s*$` tries every pair."""
    began = time.process_time()
    python_requirements(code)
    assert time.process_time() - began < 3


def test_the_first_complete_block_counts() -> None:
    open_one = '# /// script\n# dependencies = ["a"]\n\n'
    whole = '# /// script\n#\n# dependencies = ["b"]\n# ///\n# /// script\n# dependencies = ["c"]\n# ///\n'
    assert python_requirements(open_one + whole).explicit == ("b",)
