"""Print docs/lifecycle.md: the two lives as diagrams, and what each step demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import translation

from inhouse import law, lifecycle
from organisation import access


class Command(BaseCommand):
    help = "Prints docs/lifecycle.md: the two lives as diagrams, and what each step demands."

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self.stdout.write("\n".join(page()))


def page() -> Iterator[str]:
    """The lines of docs/lifecycle.md."""
    yield "# The two lives"
    yield ""
    yield "Printed from `inhouse/lifecycle.py` by `manage.py lifecycle`; a test notices when this page is old."
    for title, nexts, demands in (
        ("Product", lifecycle.PRODUCT_NEXT, lifecycle.PRODUCT_GATES),
        ("Revision", lifecycle.REVISION_NEXT, lifecycle.REVISION_GATES),
    ):
        yield from ("", f"## {title}", "", "```mermaid", "stateDiagram-v2")
        yield from _diagram(nexts)
        yield from ("```", "", "| From | To | Who | Gates |", "|---|---|---|---|")
        yield from _table(nexts, demands)
    yield from ("", "## Gates", "", "| Gate | Demands |", "|---|---|")
    for gate, words in law.gates().items():
        rows = ", ".join(row.id for row in law.requirements().values() if gate in row.gates)
        yield f"| {gate} {words['en']} | {rows} |"


def _diagram(nexts: Mapping[Any, Sequence[Any]]) -> Iterator[str]:
    for stage in nexts:
        yield f"    {stage.value} : {stage.label}"
    yield f"    [*] --> {next(iter(nexts)).value}"
    for stage, following in nexts.items():
        for to in following:
            yield f"    {stage.value} --> {to.value}"
        if not following:
            yield f"    {stage.value} --> [*]"


def _table(nexts: Mapping[Any, Sequence[Any]], demands: Mapping[tuple[Any, Any], Sequence[str]]) -> Iterator[str]:
    for stage, following in nexts.items():
        for to in following:
            who = ", ".join(sorted(str(each.label) for each in access.TABLE[lifecycle.ACTS[to]]))
            gates = ", ".join(f"{gate} {law.gates()[gate]['en']}" for gate in demands.get((stage, to), ()))
            yield f"| {stage.label} | {to.label} | {who} | {gates or '–'} |"
