"""Environment variables: right values are typed, wrong ones told in one line."""

from pathlib import Path

import pytest

from windmill_site.database import embedded_url, parse_url, socket_directory
from windmill_site.environment import SETTINGS, BadSetting, load, own_hosts


def test_nothing_set_gives_the_defaults():
    environment = load({})
    assert (environment.port, environment.host) == (8000, "127.0.0.1")
    assert environment.base_url == "http://localhost:8000"
    assert environment.sandbox_minimum == "namespaces"
    assert environment.restart_zombie_jobs is True
    assert environment.data_dir.is_absolute()


def test_values_are_typed():
    environment = load(
        {"NUM_WORKERS": " 4 ", "KEEP_JOB_DIR": "yes", "ALLOWED_HOSTS": "a.example, b.example", "DATA_DIR": "/srv/w"}
    )
    assert environment.num_workers == 4
    assert environment.keep_job_dir is True
    assert environment.allowed_hosts == ("a.example", "b.example")
    assert environment.data_dir == Path("/srv/w")


def test_an_empty_value_counts_as_unset():
    assert load({"NUM_WORKERS": "", "PORT": "  "}) == load({})


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"NUM_WORKERS": "abc"},
            'NUM_WORKERS is "abc"; it must be a whole number of at least 1 (slots of this host\'s worker).',
        ),
        ({"NUM_WORKERS": "0"}, "at least 1"),
        ({"NUM_WORKERS": "٣"}, "a whole number"),
        ({"PORT": "65536"}, "from 1 to 65535"),
        ({"RESTART_ZOMBIE_JOBS": "maybe"}, "true or false"),
        ({"SANDBOX_MINIMUM": "strong"}, "off, namespaces or full"),
        ({"DATA_DIR": "relative/dir"}, "an absolute path"),
        ({"BASE_URL": "windmill.example"}, "such as https://"),
        ({"BASE_URL": "http://example.com:99999"}, "such as https://"),
        ({"ADMIN_EMAIL": "nobody", "ADMIN_PASSWORD": "x"}, "an e-mail address"),
        ({"ADMIN_EMAIL": "a@example.com"}, "ADMIN_PASSWORD is not; set both"),
        ({"ADMIN_PASSWORD": "long enough"}, "ADMIN_EMAIL is not; set both"),
        ({"DATABASE_URL": "postgresql://host"}, "the name of the database is missing"),
        ({"DATABASE_URL": "postgresql://u:p@host:port/x"}, "a Postgres address"),
        ({"PORT": "80\n00"}, 'PORT is "80?00"'),
    ],
)
def test_a_wrong_value_is_told_in_one_line(given, line):
    with pytest.raises(BadSetting) as told:
        load(given)
    assert line in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@host/x"),
        ("SUPERADMIN_SECRET", "hunter2\x07"),
    ],
)
def test_a_wrong_secret_is_not_repeated(name, value):
    with pytest.raises(BadSetting) as told:
        load({name: value})
    assert "hunter2" not in str(told.value)


def test_secrets_are_not_shown_by_repr():
    shown = repr(
        load(
            {"ADMIN_EMAIL": "a@example.com", "ADMIN_PASSWORD": "hunter2", "DATABASE_URL": "postgresql://u:hunter2@h/d"}
        )
    )
    assert "hunter2" not in shown


def test_every_setting_says_what_it_is_for():
    for setting in SETTINGS:
        assert setting.sentence.endswith("."), setting.name
        assert setting.expects, setting.name


def test_a_site_always_answers_to_its_own_names():
    assert "windmill.example.com" in own_hosts(load({"BASE_URL": "https://windmill.example.com/"}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p%40ss@db.example:5433/name", ("name", "u", "p@ss", "db.example", "5433", {})),
        ("postgresql://u@[::1]/name?sslmode=require", ("name", "u", "", "::1", "", {"sslmode": "require"})),
        ("postgresql:///name?host=/var/run/postgresql", ("name", "", "", "/var/run/postgresql", "", {})),
        ("postgresql://u@%2FVar%2Frun/name", ("name", "u", "", "/Var/run", "", {})),
    ],
)
def test_database_addresses(url, expected):
    made = parse_url(url).as_django()
    assert tuple(made[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")) == expected


def test_the_embedded_address_leads_to_its_socket():
    made = parse_url(embedded_url(Path("/srv/my data")))
    assert (made.name, made.user, made.host) == ("windmill", "windmill", "/srv/my data/run")


def test_a_long_data_directory_gets_a_short_socket_directory():
    data_dir = Path(f"/{'d' * 100}")
    socket = socket_directory(data_dir)
    assert len(f"{socket}/.s.PGSQL.5432") <= 107
    assert socket == socket_directory(data_dir)
    assert socket != socket_directory(data_dir / "other")
