from django.apps import AppConfig


class ScriptsConfig(AppConfig):
    name = "scripts_app"

    def ready(self) -> None:
        from scripts_app import kinds, resolver, sources
        from scripts_app.models import Script
        from workers import runnables
        from workspaces import acls

        kinds.register()
        resolver.register()
        runnables.register_source("script", sources.source_of)
        acls.register_kind("script", lambda: Script.objects.filter(archived_at=None))
