from django.apps import AppConfig


class AppsBuilderConfig(AppConfig):
    name = "apps_builder"
