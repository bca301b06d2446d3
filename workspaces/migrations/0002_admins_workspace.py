"""Workspace `admins` exists from the start: what belongs to the whole instance lives there."""

from django.db import migrations


def create(apps, schema_editor):
    workspace, _ = apps.get_model("workspaces", "Workspace").objects.get_or_create(
        id="admins", defaults={"name": "Admins", "owner": ""}
    )
    apps.get_model("workspaces", "Group").objects.get_or_create(
        workspace=workspace, name="all", defaults={"summary": "Every member of the workspace"}
    )


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
