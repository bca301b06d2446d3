"""`{% load ui %}`: assets, icons, navigation, and filters that turn values into what people read."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from windmill_site import assets, display, highlighting, navigation, results
from windmill_site import json_tree as trees

register = template.Library()


@register.simple_tag
def asset_url(name: str) -> str:
    """The URL of a built file: `{% asset_url "inter-latin-wght-normal.woff2" %}`."""
    return static(f"dist/{assets.manifest().file(name)}")


@register.simple_tag(takes_context=True)
def asset(context: template.Context, name: str, *preload: str) -> SafeString:
    """A style sheet or a module script with everything it imports preloaded.

    `{% asset "app.css" %}` · `{% asset "core" %}` · `{% asset "editor" "lang-python" %}` preloads that lazy module too.
    """
    if name.endswith(".css"):
        return format_html('<link rel="stylesheet" href="{}">', asset_url(name))
    built = assets.manifest()
    nonce = context.get("csp_nonce", "")
    files = built.needed_by(f"{name}.js")
    for lazy in preload:
        files += [built.file(f"{lazy}.js"), *built.needed_by(f"{lazy}.js")]
    links = ((static(f"dist/{file}"), nonce) for file in dict.fromkeys(files))
    return format_html(
        '{}<script type="module" src="{}" nonce="{}"></script>',
        format_html_join("", '<link rel="modulepreload" href="{}" nonce="{}">', links),
        asset_url(f"{name}.js"),
        nonce,
    )


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """A Lucide icon of the sprite. Decoration: the control around it carries the accessible name.

    A name that Python chooses must be listed in static/src/icons.json.
    """
    if name not in assets.manifest().icons:
        raise assets.AssetError(
            f'The icon "{name}" is not in the sprite. Name it in a template or in static/src/icons.json.'
        )
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        f"icon {classes}".strip(),
        asset_url("icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def nav_groups(context: template.Context) -> list[navigation.Group]:
    """The navigation's groups with the pages that exist: `{% nav_groups as groups %}`."""
    return navigation.groups(workspace_id=getattr(context.get("workspace"), "id", None))


@register.simple_tag
def reltime(moment: datetime | None, style: str = "relative") -> SafeString | str:
    """A time that keeps itself current in the browser: `{% reltime job.started_at %}`; "" for None.

    `style` is `relative` (4 min ago), `clock` (14:02:11) or `elapsed` (counts up since `moment`).
    """
    if moment is None:
        return ""
    now = timezone.now()
    if style == "clock":
        text = f"{timezone.localtime(moment):%H:%M:%S}"
    elif style == "elapsed":
        text = display.duration((now - moment).total_seconds() * 1000)
    else:
        text = display.relative(moment, now)
    return format_html(
        '<wm-time format="{}"><time datetime="{}" title="{}">{}</time></wm-time>',
        style,
        moment.isoformat(),
        f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}",
        text,
    )


@register.simple_tag
def json_tree(value: Any, more_url: str = "") -> SafeString:
    """A JSON value as a tree: `{% json_tree job.result more_url %}`; see windmill_site/json_tree.py for "more"."""
    return trees.render(value, more_url)


@register.simple_tag
def json_more(value: Any, path: list[str | int], start: int, more_url: str = "") -> SafeString:
    """The items of a cut level from `start` on; see ui/json_more.html."""
    return trees.render_more(value, path, start, more_url)


@register.simple_tag
def code(text: str, language: str, marked: int | str = 0) -> SafeString:
    """Read-only code in colours: `{% code script.content script.language %}`, inside `<div class="code">`.

    `marked` is the number of the line to point at.
    """
    return highlighting.to_html(text, language, marked=int(marked or 0))


@register.filter
def result_shape(value: Any) -> results.Result:
    """`{% with shown=job.result|result_shape %}`: how to show a result."""
    return results.shape(value)


@register.filter
def as_json(value: Any) -> str:
    """`{{ args|as_json }}`: indented JSON, for a <pre> or a textarea."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def markdown(text: str) -> SafeString:
    """`<div class="prose" hx-ignore>{{ script.description|markdown }}</div>`: what somebody wrote, cleaned."""
    return SafeString(results.markdown_html(text))


@register.filter
def duration(ms: float | None) -> str:
    """`{{ job.duration_ms|duration }}`: milliseconds as `1.2 s`."""
    return display.duration(ms)


@register.filter
def bytesize(count: int | None) -> str:
    """`{{ job.mem_peak|bytesize }}`: bytes as `12.4 MB`."""
    return display.size(count)


@register.filter
def state(name: str) -> display.State:
    """`{% with shown=status|state %}`: word, icon and tone of a state."""
    return display.state(name)


@register.filter
def tone(name: str) -> str:
    """The tone of a message level: ours (ok, bad, warn, wait) or Django's (success, error, warning); "" otherwise."""
    return display.tone(str(name or "")).name


@register.filter
def tone_icon(name: str) -> str:
    """The icon that goes with a tone."""
    return display.tone(str(name or "")).icon


@register.filter
def initial(name: str) -> str:
    """The first letter of a name, for its mark; "?" when there is none."""
    return (str(name).lstrip("@_-. ") or "?")[0]


@register.filter
def getitem(mapping: Any, key: Any) -> Any:
    """`{{ errors|getitem:name }}`: a mapping's value by a key held in a variable, None when absent."""
    return mapping.get(key) if hasattr(mapping, "get") else None
