"""People, workspaces and what says who may do what."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from workspaces import policy
from workspaces.fields import JsonField

if TYPE_CHECKING:
    from workspaces.principal import Principal


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new account; `password` None means it cannot log in with one."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superadmin=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """An account of the instance, known by its e-mail address (stored lower-case)."""

    email = models.EmailField(_("e-mail"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    company = models.CharField(max_length=200, blank=True, default="")
    is_superadmin = models.BooleanField(
        _("superadmin"), default=False, help_text=_("May do everything on this instance.")
    )
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Unset to lock the account out at once."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    theme = models.CharField(max_length=10, default="system")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower"),)

    def __str__(self) -> str:
        return self.email

    # Django's admin site asks these; superadmins alone enter it.
    @property
    def is_staff(self) -> bool:
        return self.is_superadmin and self.is_active

    @property
    def is_superuser(self) -> bool:
        return self.is_staff

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_staff

    def has_perms(self, perm_list: Any, obj: object = None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Workspace(models.Model):
    """A tenant. Its rows are never seen from another one."""

    id = models.CharField(_("id"), primary_key=True, max_length=50)
    name = models.CharField(_("name"), max_length=200)
    owner = models.CharField(max_length=254, editable=False)
    color = models.CharField(max_length=20, blank=True, default="")
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a workspace, under the user name that paths `u/<username>/…` use."""

    groups: Any  # what Group.members adds

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    username = models.CharField(_("user name"), max_length=60)
    is_admin = models.BooleanField(_("workspace admin"), default=False)
    is_operator = models.BooleanField(_("operator"), default=False, help_text=_("May see and run, not write."))
    is_disabled = models.BooleanField(_("disabled"), default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "username"], name="membership_username"),
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_user"),
        )

    def __str__(self) -> str:
        return f"{self.username} in {self.workspace_id}"  # type: ignore[attr-defined]


class Group(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=60)
    summary = models.CharField(max_length=500, blank=True, default="")
    members = models.ManyToManyField(Membership, related_name="groups", blank=True)
    extra_perms = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "name"], name="group_name"),)

    def __str__(self) -> str:
        return f"g/{self.name}"


class Folder(models.Model):
    """Carries the rights of every item whose path starts `f/<name>/`.

    `extra_perms` maps `u/<user>` or `g/<group>` to true (may write) or false (may read); `owners` also manage it.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="folders")
    name = models.CharField(max_length=60)
    display_name = models.CharField(max_length=200, blank=True, default="")
    summary = models.CharField(max_length=500, blank=True, default="")
    owners = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    extra_perms = models.JSONField(default=dict, blank=True)
    labels = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_by = models.CharField(max_length=254)
    edited_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "name"], name="folder_name"),)

    def __str__(self) -> str:
        return f"f/{self.name}"


class Token(models.Model):
    """An API token or a login. Only the SHA-256 of its text is kept; `prefix` (10 characters) names it to its owner."""

    workspace_id: str | None

    hash = models.BinaryField(primary_key=True, max_length=32)
    prefix = models.CharField(max_length=10, db_index=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=500, blank=True, default="")
    kind = models.CharField(max_length=10, default="api", help_text="api, or session for the cookie of a login")
    scopes = ArrayField(models.CharField(max_length=500), null=True, blank=True)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE)
    is_read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class AuditEntry(models.Model):
    """Who did what to what. Written in the transaction of the deed; never holds values."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    workspace_id = models.CharField(max_length=50, blank=True, default="")
    username = models.CharField(max_length=254)
    operation = models.CharField(max_length=100)
    action_kind = models.CharField(max_length=10)
    resource = models.CharField(max_length=300, blank=True, default="")
    parameters = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = _("audit entries")
        indexes = (models.Index(fields=["workspace_id", "-id"], name="audit_by_workspace"),)


class ItemQuerySet[M: "Item"](models.QuerySet[M]):
    def visible_to(self, principal: Principal) -> Self:
        return policy.visible(principal, self)  # pyright: ignore[reportReturnType] (filtering keeps the class)


class Item(models.Model):
    """What scripts, flows, apps, variables, resources, schedules and triggers share.

    `id` is stable: history follows a rename. `version` counts writes; a write based on an older one is refused (409).
    """

    workspace_id: str  # for the type checker, which does not know what a ForeignKey adds

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=255)
    extra_perms = models.JSONField(default=dict, blank=True)
    labels = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    edited_by = models.CharField(max_length=254)
    edited_at = models.DateTimeField(db_default=Now())
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[Any] = ItemQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.path


class Setting(models.Model):
    """An instance setting, named as Windmill names it; `value` is any JSON."""

    name = models.CharField(primary_key=True, max_length=100)
    value = JsonField()


class Lease(models.Model):
    """The right to a periodic duty or a long-lived connection, until `expires_at` (database time)."""

    name = models.CharField(primary_key=True, max_length=200)
    owner = models.CharField(max_length=100)
    expires_at = models.DateTimeField()


class OutboxEntry(models.Model):
    """A chore to be done after a commit (e-mail, Slack reply): drained by the queue cluster; arguments are ids only."""

    id = models.BigAutoField(primary_key=True)
    task = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
