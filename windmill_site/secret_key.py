"""Keys of this instance, kept in the data directory when the environment gives none."""

import os
import secrets
from pathlib import Path


def kept_in(data_dir: Path, name: str = "secret_key") -> str:
    """The key in the file `name` of `data_dir`; made on first use, readable by its owner alone.

    Two processes at once get the same key: the file appears whole, by a link that fails if it exists.
    """
    path = data_dir / name
    if not path.exists():
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    owner = path.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:  # root only prepares what the site's own user reads
        os.chown(draft, owner.st_uid, owner.st_gid)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()
