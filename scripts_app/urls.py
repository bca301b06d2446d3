"""Pages of scripts. Item paths begin u/, f/ or g/, so the fixed words before them collide with none."""

from scripts_app.views import editor, home, run, versions
from workspaces.routes import Role, page

_W = "w/<str:workspace>/"

urlpatterns = [
    page(_W, home.home, name="home", role=Role.MEMBER),
    page(f"{_W}scripts/new", editor.new_script, name="new-script", role=Role.DEVELOPER),
    page(f"{_W}scripts/edit/<path:path>", editor.edit_script, name="edit-script", role=Role.DEVELOPER),
    page(f"{_W}scripts/source", editor.follow_source, name="script-source", role=Role.DEVELOPER),
    page(f"{_W}scripts/test", editor.test_script, name="script-test", role=Role.DEVELOPER),
    page(f"{_W}scripts/draft", editor.draft, name="script-draft", role=Role.DEVELOPER),
    page(f"{_W}scripts/versions", editor.deploy, name="deploy-script", role=Role.DEVELOPER),
    page(f"{_W}scripts/versions/<path:path>", versions.history, name="script-versions", role=Role.MEMBER),
    page(f"{_W}scripts/archive/<path:path>", versions.archive, name="archive-script", role=Role.DEVELOPER),
    page(f"{_W}scripts/archived/<uuid:script_id>", versions.unarchive, name="unarchive-script", role=Role.DEVELOPER),
    page(f"{_W}scripts/runs/<path:path>", run.run_script, name="run-script", role=Role.MEMBER),
    page(f"{_W}scripts/arguments/<path:path>", run.arguments, name="script-arguments", role=Role.MEMBER),
    page(f"{_W}scripts/state/<path:path>", run.state, name="script-state", role=Role.MEMBER),
    page(f"{_W}scripts/<path:path>", run.script, name="script", role=Role.MEMBER),
]
