from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from vault.models import Resource
        from vault.variables import living
        from workspaces import acls

        acls.register_kind("variable", living)
        acls.register_kind("resource", Resource.objects.all)
