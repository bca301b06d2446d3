from django.apps import AppConfig


class ScriptsConfig(AppConfig):
    name = "scripts_app"

    def ready(self) -> None:
        from scripts_app import kinds, resolver

        kinds.register()
        resolver.register()
