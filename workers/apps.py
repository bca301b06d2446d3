from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        from workers import job_tokens, own_kinds

        own_kinds.register()
        job_tokens.register()
