"""Where the data that ships with the code lies: `avro/` and `config/`.

In a checkout they are top-level folders; in an installed wheel they lie under `streams/_shipped/`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Return the path of a shipped folder, `avro` or `config`.

    Raises FileNotFoundError when neither the wheel nor the checkout holds it, which means a broken installation.
    """
    for candidate in (_PACKAGE / "_shipped" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"folder {folder!r} is missing beside {_PACKAGE}; reinstall tieout")
