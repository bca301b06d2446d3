from django.apps import AppConfig


class ScriptsConfig(AppConfig):
    name = "scripts_app"

    def ready(self) -> None:
        from scripts_app import kinds, resolver, sources
        from workers import runnables

        kinds.register()
        resolver.register()
        runnables.register_source("script", sources.source_of)
