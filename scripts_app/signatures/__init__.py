"""Source text → signature → JSON schema. Pure: nothing is run, imported or looked up."""

from collections.abc import Callable, Mapping

from scripts_app.signatures.bash import parse_bash
from scripts_app.signatures.python import parse_python
from scripts_app.signatures.schema import empty_schema
from scripts_app.signatures.types import Arg, ArgType, Invalid, Json, Signature

__all__ = ["LANGUAGES", "MAX_CHARS", "Arg", "ArgType", "Invalid", "Signature", "answer", "empty_schema", "parse"]

PARSERS: dict[str, Callable[[str, str], Signature | Invalid]] = {
    "bash": parse_bash,
    "python3": parse_python,
}
LANGUAGES = frozenset(PARSERS)
# Parsing takes up to 3 s for a million, some of it in one piece during which nothing else of the process runs.
MAX_CHARS = 1_000_000


def parse(language: str, code: str, entrypoint: str = "main") -> Signature | Invalid:
    """What `entrypoint` of `code` takes, or why the source does not parse. Never raises.

    >>> parse("python3", "def main(n: int = 3): ...").to_json_schema()["properties"]["n"]["default"]
    3
    >>> parse("python3", "def main(n: int m: int): ...").line
    1
    """
    parser = PARSERS.get(language)
    if parser is None:
        known = ", ".join(sorted(LANGUAGES))
        return Invalid(f'The signature cannot be read: no language is called "{language}". Use one of: {known}.')
    if len(code) > MAX_CHARS:
        return Invalid(f"The source has {len(code):,} characters; at most {MAX_CHARS:,} are read. Keep data elsewhere.")
    try:
        return parser(code, entrypoint)
    except (RecursionError, MemoryError):
        return Invalid("The signature is nested too deep to be read. Split the long expression into several.")


def answer(
    language: str, content: str, schema: Mapping[str, Json] | None = None, entrypoint: str | None = None
) -> dict[str, Json]:
    """`{valid, signature, schema, error?}` of the signature endpoint.

    `schema` is the form as it is now: what the user customised in it is kept, and while the source
    does not parse it stays as it is.
    """
    signature = parse(language, content, entrypoint or "main")
    if isinstance(signature, Invalid):
        unchanged = dict(schema) if schema else empty_schema()
        return {"valid": False, "signature": signature.to_json(), "schema": unchanged, "error": signature.error}
    return {"valid": True, "signature": signature.to_json(), "schema": signature.to_json_schema(schema)}
