"""Django's admin for the people of the instance. Superadmins alone enter; tokens and the audit log are for reading."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import models as auth_models
from django.utils.translation import gettext_lazy as _
from django_q import models as q_models

from workspaces import accounts, announce, audit, tokens
from workspaces.errors import BadRequest
from workspaces.models import AuditEntry, Folder, Group, Membership, Token, User, Workspace

# Not ours to use: Django's own groups; queued chores, which are pickles and whose schedules could name any function.
for _foreign in (auth_models.Group, q_models.Schedule, q_models.OrmQ, q_models.Success, q_models.Failure):
    admin.site.unregister(_foreign)

admin.site.site_header = admin.site.site_title = _("Administration of Windmill")
admin.site.index_title = _("People, workspaces, audit")


class UserForm(forms.ModelForm):
    """`password` stays empty unless a new one is meant."""

    new_password = forms.CharField(
        label=_("new password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=_("Left empty, it stays. A new one ends all logins of the account."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "company", "is_superadmin", "is_active")

    def clean_email(self) -> str:
        return self.cleaned_data["email"].strip().lower()

    def clean_new_password(self) -> str:
        password = self.cleaned_data["new_password"]
        if password:
            try:
                accounts.require_good_password(password, self.instance)
            except BadRequest as error:
                raise forms.ValidationError(error.message) from error
        return password


class Audited(admin.ModelAdmin):
    """Every change leaves an entry in our audit log too."""

    area = ""

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        fields = ", ".join(form.changed_data)
        audit.record(request.principal, f"{self.area}.{'update' if change else 'create'}", obj, fields=fields)

    def delete_model(self, request: Any, obj: Any) -> None:
        audit.record(request.principal, f"{self.area}.delete", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: Any, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


class Memberships(admin.TabularInline):
    model = Membership
    extra = 0
    fields = ("workspace", "user", "username", "is_admin", "is_operator", "is_disabled")
    autocomplete_fields = ("user",)


@admin.register(User)
class UserAdmin(Audited):
    area = "users"
    form = UserForm
    list_display = ("email", "name", "is_superadmin", "is_active", "created_at")
    list_filter = ("is_superadmin", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    inlines = (Memberships,)

    def save_model(self, request: Any, obj: User, form: Any, change: bool) -> None:
        password = form.cleaned_data.get("new_password")
        if password:
            obj.set_password(password)
        elif not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if change and {"new_password", "is_active", "is_superadmin"} & set(form.changed_data):
            own = request.principal.token_prefix if obj.pk == request.principal.user_id and obj.is_active else ""
            tokens.end_logins_of(obj, but_prefix=own)


@admin.register(Workspace)
class WorkspaceAdmin(Audited):
    area = "workspaces"
    list_display = ("id", "name", "owner", "archived_at")
    search_fields = ("id", "name")
    fields = ("id", "name", "color", "archived_at")
    inlines = (Memberships,)

    def has_add_permission(self, request: Any) -> bool:
        return False  # the page for it also makes the group `all` and the first admin

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        return ("id",)


@admin.register(Group)
class GroupAdmin(Audited):
    area = "group"
    list_display = ("name", "workspace", "summary")
    list_filter = ("workspace",)
    search_fields = ("name",)
    filter_horizontal = ("members",)


@admin.register(Folder)
class FolderAdmin(Audited):
    area = "folder"
    list_display = ("name", "workspace", "owners", "created_by")
    list_filter = ("workspace",)
    search_fields = ("name",)
    fields = ("workspace", "name", "display_name", "summary", "owners", "extra_perms", "labels")


@admin.register(Token)
class TokenAdmin(ReadOnly):
    """May be deleted, which shuts it out at once."""

    list_display = ("prefix", "user", "label", "kind", "workspace", "is_read_only", "last_used_at", "expires_at")
    list_filter = ("kind", "is_read_only")
    search_fields = ("prefix", "label", "user__email")
    exclude = ("hash",)
    list_select_related = ("user", "workspace")

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return True

    def delete_model(self, request: Any, obj: Token) -> None:
        announce.token_changed(obj.prefix)
        audit.record(request.principal, "users.token.delete", obj.prefix)
        super().delete_model(request, obj)

    def delete_queryset(self, request: Any, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)


@admin.register(AuditEntry)
class AuditAdmin(ReadOnly):
    list_display = ("at", "workspace_id", "username", "operation", "resource")
    list_filter = ("action_kind",)
    search_fields = ("username", "operation", "resource", "workspace_id")
    ordering = ("-id",)
    show_full_result_count = False
