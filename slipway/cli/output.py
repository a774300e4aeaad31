"""Files that users ask for."""

from pathlib import Path

from slipway.errors import SlipwayError


def save(what: str, text: str, file: Path) -> None:
    """Write a file, with the directories to it; SlipwayError when that is not allowed."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise SlipwayError(f"the {what} cannot be written to {file}: {error.strerror}") from None
