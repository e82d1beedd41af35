from dataclasses import dataclass


@dataclass
class Change: ...


@dataclass
class Entry: ...


def entries() -> None: ...
