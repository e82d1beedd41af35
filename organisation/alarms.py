"""What someone must look into, said by the parts of the register that know, shown to those who operate and audit it."""

from __future__ import annotations

from django.utils.module_loading import import_string

_sources: list[str] = []


def source(path: str) -> None:
    """Name a function that returns sentences, one for each thing that is wrong now. It is imported when it is asked."""
    if path not in _sources:
        _sources.append(path)


def sounding() -> list[str]:
    """Every alarm there is now."""
    return [sentence for path in _sources for sentence in import_string(path)()]
