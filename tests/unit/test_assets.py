"""The built front end as templates see it, and when it is built again."""

import os

import pytest
from django.template import Context, Template

from windmill_site import assets


@pytest.fixture(scope="module", autouse=True)
def built():
    assets.build()


def drawn(source, **context):
    return Template("{% load ui %}" + source).render(Context(context))


def test_script_carries_the_nonce_and_preloads_what_it_imports():
    html = drawn('{% asset "editor" "lang-python" %}', csp_nonce="n0nce")
    manifest = assets.manifest()
    assert f'<script type="module" src="/static/dist/{manifest.file("editor.js")}" nonce="n0nce"></script>' in html
    assert f'<link rel="modulepreload" href="/static/dist/{manifest.file("lang-python.js")}" nonce="n0nce">' in html
    assert html.count("modulepreload") == len(set(html.split("<link")[1:]))


def test_style_sheet_is_a_link():
    assert drawn('{% asset "app.css" %}').startswith('<link rel="stylesheet" href="/static/dist/app-')


def test_icon_draws_from_the_sprite():
    html = drawn('{% icon "play" "big" %}')
    assert '<svg class="icon big" aria-hidden="true"><use href="/static/dist/icons-' in html
    assert '#play"' in html


def test_icon_that_nobody_listed_says_where_to_list_it():
    with pytest.raises(assets.AssetError, match=r'"no-such-icon" is not in the sprite.*icons\.json'):
        drawn("{% icon name %}", name="no-such-icon")


def test_unknown_asset_names_the_known_ones():
    with pytest.raises(assets.AssetError, match=r'No asset "nope\.js".*core\.js'):
        assets.manifest().file("nope.js")


def test_every_published_file_exists_and_is_precompressed():
    for file in assets.manifest().files.values():
        assert (assets.DIST / file).exists()
        if not file.endswith(".woff2"):
            assert (assets.DIST / f"{file}.gz").exists()
            assert (assets.DIST / f"{file}.br").exists()


def test_nothing_is_built_twice():
    assert assets.build() is None


def test_change_of_a_source_makes_the_build_stale(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.css").write_text("a{}")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    for name in ("package.json", "bun.lock"):
        (tmp_path / name).write_text("{}")
    before = assets.inputs_hash()
    os.utime(tmp_path / "src" / "a.css")
    assert assets.inputs_hash() == before
    (tmp_path / "src" / "a.css").write_text("b{}")
    assert assets.inputs_hash() != before


def test_icon_named_in_a_template_makes_the_build_stale(tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    for name in ("package.json", "bun.lock"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    page = tmp_path / "templates" / "page.html"
    page.write_text("one text")
    before = assets.inputs_hash()
    page.write_text("another text")
    assert assets.inputs_hash() == before
    page.write_text('{% icon "anchor" %}')
    assert assets.inputs_hash() != before


def test_javascript_unit_tests_pass():
    assert " 0 fail" in assets.run_bun("test", "tests/unit/js")
