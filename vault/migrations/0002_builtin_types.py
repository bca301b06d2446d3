"""The resource types every instance starts with, in workspace `admins`."""

from django.db import migrations

from vault.builtin_types import builtin_types


def create(apps, schema_editor):
    kinds = apps.get_model("vault", "ResourceType")
    kinds.objects.bulk_create(
        [kinds(workspace_id="admins", created_by="", description="", **each) for each in builtin_types()],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial"), ("workspaces", "0002_admins_workspace")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
