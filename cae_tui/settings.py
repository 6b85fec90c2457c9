"""What the app remembers between two uses: `settings.json` in its home.

A damaged file is a notice and the defaults, never a reason not to start.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from engine.files import read_json, storage_error, write_json

DEFAULT_THEME = "cae-dark"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is remembered."""

    theme: str = DEFAULT_THEME


def settings_path(home: Path) -> Path:
    """Where they are kept."""
    return home / "settings.json"


def read_settings(home: Path) -> tuple[Settings, str]:
    """The settings, and a sentence where the file could not be read."""
    path = settings_path(home)
    try:
        theme = read_json(path).get("theme", DEFAULT_THEME)
        if not isinstance(theme, str):
            raise ValueError("its theme is not a name")
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError) as error:
        return Settings(), f"{path} cannot be read ({error}): the defaults are used until it is written again."
    return Settings(theme), ""


def write_settings(home: Path, settings: Settings) -> None:
    """Remember `settings`.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = settings_path(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
    write_json(path, "settings", asdict(settings))
