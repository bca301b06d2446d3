"""Accounts of the instance: made, logged in, given another password."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from workspaces import audit, login_limits, tokens
from workspaces.errors import BadRequest
from workspaces.models import AuditEntry, User
from workspaces.principal import Principal
from workspaces.principals import VIRTUAL_EMAIL
from workspaces.tokens import Minted


def log_in(email: str, password: str, *, address: str) -> Minted:
    """A login of the account. Raises BadRequest for a wrong pair (the same whether the account exists), TooMany."""
    email = email.strip().lower()
    login_limits.require_try(email, address)
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        make_password(password)  # so that an unknown account takes as long as a wrong password
    if user is None or not user.check_password(password):
        AuditEntry.objects.create(**audit.row(Principal("anonymous", email=email[:254]), "users.login_failure"))
        raise BadRequest("Invalid login")
    login_limits.forgive(email, address)
    with transaction.atomic():
        minted = tokens.create_login(user)
        audit.record(Principal("session", email=user.email, username=user.email), "users.login")
    return minted


def create_account(
    email: str, password: str | None, *, by: Principal, name: str = "", company: str = "", is_superadmin: bool = False
) -> User:
    """An account. Raises BadRequest for a bad or used address and for a weak password."""
    user = make_account(email, password, name=name, company=company, is_superadmin=is_superadmin)
    audit.record(by, "users.create", user.email, super_admin=is_superadmin)
    return user


@transaction.atomic
def make_account(
    email: str, password: str | None, *, name: str = "", company: str = "", is_superadmin: bool = False
) -> User:
    """`create_account` without its entry in the audit log, for the set-up of the first one."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadRequest(f'"{email[:80]}" is not an e-mail address; write name@host') from error
    if email == VIRTUAL_EMAIL:
        raise BadRequest(f"{VIRTUAL_EMAIL} is reserved for SUPERADMIN_SECRET; use another address")
    user = User(email=email, name=name[:200], company=company[:200], is_superadmin=is_superadmin)
    if password is not None:
        require_good_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise BadRequest(f"An account for {email} exists; add it to a workspace instead") from error
    return user


@transaction.atomic
def change_password(user: User, password: str, *, by: Principal) -> None:
    """Set it and end every other login of the account. Raises BadRequest when it is too weak."""
    require_good_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    tokens.end_logins_of(user, but_prefix=by.token_prefix if by.user_id == user.pk else "")
    audit.record(by, "users.setpassword", user.email)


def require_good_password(password: str, user: User | None = None) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
