from django.apps import AppConfig


class WindmillSiteConfig(AppConfig):
    name = "windmill_site"
