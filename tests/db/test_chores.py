"""The site's own chores: one host at a time, nothing lost that is still needed."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from windmill_site.chores import lease, maintenance
from windmill_site.management.commands import crontab
from workspaces import clock
from workspaces.models import Lease, Token, User


@pytest.mark.django_db
def test_a_lease_is_for_one_at_a_time():
    assert lease.take("sweep", seconds=30)
    assert not lease.take("sweep", seconds=30)
    assert lease.take("something else", seconds=30)


@pytest.mark.django_db
def test_a_lease_that_ran_out_can_be_taken():
    assert lease.take("sweep", seconds=-1)
    assert lease.take("sweep", seconds=30)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_lease():
    taken: list[bool] = []

    def take() -> None:
        taken.append(lease.take("sweep", seconds=30))
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


@pytest.mark.django_db
def test_a_chore_runs_once_within_its_time():
    ran: list[int] = []

    @lease.once_within(30)
    def tidy() -> None:
        ran.append(1)

    tidy()
    tidy()
    assert ran == [1]


@pytest.mark.django_db
def test_tokens_are_forgotten_a_day_after_they_expired():
    user = User.objects.create(email="a@example.com")
    ages = {"living": timedelta(hours=-1), "fresh": timedelta(hours=2), "old": timedelta(hours=30)}
    for number, (label, age) in enumerate(ages.items()):
        Token.objects.create(
            hash=bytes([number]) * 32, prefix=label, label=label, user=user, expires_at=clock.now() - age
        )
    Token.objects.create(hash=b"x" * 32, prefix="forever", label="forever", user=user)
    maintenance.forget_expired_tokens()
    assert set(Token.objects.values_list("label", flat=True)) == {"living", "fresh", "forever"}


@pytest.mark.django_db
def test_idempotency_keys_are_forgotten_after_a_week():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_key (workspace_id, owner, key, fingerprint, job_id, created_at)"
            " SELECT 'w', 'u/a', age::text, '', gen_random_uuid(), now() - age * interval '1 day'"
            " FROM unnest(ARRAY[6, 8]) AS age"
        )
        maintenance.forget_idempotency_keys()
        cursor.execute("SELECT key FROM idempotency_key WHERE workspace_id = 'w'")
        assert cursor.fetchall() == [("6",)]


@pytest.mark.django_db
def test_leases_nobody_holds_are_forgotten():
    Lease.objects.create(name="old", owner="gone", expires_at=clock.now() - timedelta(days=2))
    maintenance.forget_expired_sessions()
    assert not Lease.objects.filter(name="old").exists()


def test_a_host_without_cron_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError, match="no crontab program: install cron"):
        call_command("crontab", "add")


def test_cron_gets_the_environment_but_no_secret(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "/srv/50% full")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("SECRET_KEY")
    assert r"DATA_DIR='/srv/50\% full'" in crontab._environment()
    monkeypatch.setenv("SUPERADMIN_SECRET", "hunter2")
    with pytest.raises(CommandError, match="SUPERADMIN_SECRET would be readable") as told:
        crontab._environment()
    assert "hunter2" not in str(told.value)
