"""Read-only code, coloured by Pygments with the classes that static/src/code.css binds to the syntax tokens."""

from functools import lru_cache

from django.utils.safestring import SafeString
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_COLOURED = 200_000  # characters; longer code comes without colours
LEXERS = {"python3": "python", "bash": "bash", "bun": "typescript", "deno": "typescript", "nativets": "typescript"}


def to_html(code: str, language: str, *, numbered: bool = True, marked: int = 0) -> SafeString:
    """Escaped HTML of `code`. `language` is Windmill's or Pygments' name; an unknown one comes without colours.

    `marked` is the number of a line to point at, 0 for none.
    """
    lexer = _lexer(language if len(code) <= MAX_COLOURED else "text")
    formatter = HtmlFormatter(
        nowrap=False,
        linenos="inline" if numbered else False,
        wrapcode=True,
        cssclass="code-lines",
        hl_lines=[marked] if marked else [],
    )
    return SafeString(highlight(code, lexer, formatter))


@lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(LEXERS.get(language, language), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return get_lexer_by_name("text", stripnl=False, ensurenl=False)
