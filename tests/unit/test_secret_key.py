"""The signing key in the data directory: one for all processes, its owner's alone."""

from concurrent.futures import ThreadPoolExecutor

from windmill_site.secret_key import kept_in


def test_it_is_made_once_and_kept(tmp_path):
    data_dir = tmp_path / "data"
    key = kept_in(data_dir)
    assert len(key) >= 60
    assert kept_in(data_dir) == key
    assert (data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_two_sites_have_two_keys(tmp_path):
    assert kept_in(tmp_path / "a") != kept_in(tmp_path / "b")


def test_many_at_once_get_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: kept_in(tmp_path / "data"), range(16)))
    assert len(keys) == 1
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["secret_key"]
