"""What a check of the history can find, in words that name the table and the row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

SENTENCES = {
    # rows
    "changed": gettext_lazy("%(table)s, row %(row)s: changed after it was sealed (seal %(seal)s)."),
    "swapped": gettext_lazy("%(table)s, rows %(row)s and %(other)s: each holds what the other held when it was sealed."),
    "moved": gettext_lazy("%(table)s, row %(row)s: holds what row %(other)s held when it was sealed."),
    "renumbered": gettext_lazy("%(table)s, row %(other)s: has become row %(row)s, which no seal knows."),
    "added": gettext_lazy("%(table)s, row %(row)s: put in among rows that were sealed without it."),
    "deleted": gettext_lazy("%(table)s, row %(row)s: deleted after it was sealed (seal %(seal)s)."),
    "deleted_many": gettext_lazy("%(table)s, rows %(row)s to %(until)s: deleted after they were sealed (from seal %(seal)s)."),
    "cut": gettext_lazy("%(table)s, from row %(row)s to %(until)s: the end was cut off after it was sealed (from seal %(seal)s)."),
    "unnumbered": gettext_lazy("%(table)s, row %(row)s: has a number that the register did not give."),
    "erased_changed": gettext_lazy("%(table)s, row %(row)s: is not what its erasure left (seal %(seal)s)."),
    "erasure_undecided": gettext_lazy("%(table)s, row %(row)s: no decision on disposal stands behind this erasure in the history."),
    "table_gone": gettext_lazy("%(table)s: the table is gone, with all its sealed rows."),
    "columns_gone": gettext_lazy("%(table)s, from row %(row)s: cannot be checked, as columns are gone: %(text)s."),
    "engine": gettext_lazy("%(table)s, from row %(row)s: cannot be checked here, as it was sealed on %(text)s."),
    "more": gettext_lazy("%(table)s, after row %(row)s: %(other)s more rows are not as they were sealed."),
    # triggers
    "trigger_missing": gettext_lazy("%(table)s: the trigger %(text)s is absent, so changes are not recorded or not refused."),
    "trigger_disabled": gettext_lazy("%(table)s: the trigger %(text)s is switched off, so changes are not recorded or not refused."),
    "trigger_altered": gettext_lazy("%(table)s: the trigger %(text)s is not what it must be."),
    "trigger_unknown": gettext_lazy("%(table)s: %(text)s is a trigger or rule that is none of the register’s, and could hide changes."),
    # seals
    "seal_missing": gettext_lazy("%(table)s, row %(row)s: the seal is missing."),
    "seal_changed": gettext_lazy("%(table)s, row %(row)s: the seal was changed after it was made."),
    "seal_unsigned": gettext_lazy("%(table)s, row %(row)s: the seal is not signed by a key of this register."),
    "seal_unchained": gettext_lazy("%(table)s, row %(row)s: the seal does not follow the one before it."),
    "seals_cut": gettext_lazy("%(table)s, from row %(row)s to %(until)s: the log outside the database knows these seals, the database does not."),
    "seal_other": gettext_lazy("%(table)s, row %(row)s: the log outside the database knows another seal of this number."),
    "log_gap": gettext_lazy("%(table)s, row %(row)s: the log outside the database does not know this seal."),
    "log_missing": gettext_lazy("%(table)s: the log outside the database (%(text)s) is missing."),
    "columns_changed": gettext_lazy("%(table)s, row %(row)s: the list of columns that rows were sealed by was changed."),
    "part_missing": gettext_lazy("%(table)s: what seal %(seal)s keeps of %(text)s from row %(row)s is missing."),
    "part_changed": gettext_lazy("%(table)s, row %(row)s: what seal %(seal)s keeps of %(text)s was changed."),
    "part_added": gettext_lazy("%(table)s, row %(row)s: is not part of seal %(seal)s."),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was sealed. A row is named by its number in the table."""

    kind: str
    table: str
    row: int | None = None
    until: int | None = None
    other: int | None = None
    seal: int | None = None
    text: str = ""

    @property
    def sentence(self) -> str:
        words = {name: str(value) for name, value in asdict(self).items()}
        return str(SENTENCES[self.kind] % words)

    @property
    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def told(stored: list[dict[str, Any]]) -> list[str]:
    """Stored findings as sentences; one of a kind that is no longer known is told as it was kept."""
    return [
        Finding(**each).sentence if each["kind"] in SENTENCES else _("Other finding: %(found)s") % {"found": each}
        for each in stored
    ]
