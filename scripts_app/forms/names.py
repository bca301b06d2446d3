"""Names of form controls: `arg.user.email`, `arg.tags.0`, and beside them `arg.tags:kind` with the control's kind."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote

ROOT = "arg"


class HasLists(Protocol):
    """What Django's QueryDict adds to a dict."""

    def lists(self) -> Any: ...


type Post = Mapping[str, Sequence[str]] | HasLists


def child(name: str, key: str) -> str:
    """The name of a member: dots and colons of the key are escaped, so that they do not split."""
    return f"{name}.{quote(key, safe=' ').replace('.', '%2E')}"


def path_of(name: str) -> str:
    """`user.email` for `arg.user.email`: how errors are keyed."""
    return unquote(name.removeprefix(f"{ROOT}."))


def id_of(name: str) -> str:
    """The element's id for a control's name."""
    return name.replace(".", "-").replace("%", "_").replace(" ", "_")


def row_keys(post: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """The rows posted for a list, in the order they were posted: their numbers only tell them apart."""
    prefix = f"{name}."
    found = (key[len(prefix) :].split(".")[0].split(":")[0] for key in post if key.startswith(prefix))
    return [key for key in dict.fromkeys(found) if key != "__row__"]


def as_lists(post: Post) -> Mapping[str, Sequence[str]]:
    """A QueryDict or a mapping of lists as a mapping of lists."""
    if hasattr(post, "lists"):
        return dict(cast(HasLists, post).lists())
    return cast(Mapping[str, Sequence[str]], post)
