"""A contract for import-linter: inside an app, doors stand on rules, rules on facts, and imports go downwards only.

Doors and facts are known by name; every other module is a rule, so a new one needs no entry anywhere.
"""

from __future__ import annotations

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Storeys(Contract):
    """`storeys`: names of modules, lowest first; `rules` is whatever is not named. `apart` is not looked at."""

    apps: Any = fields.ListField(subfield=fields.StringField())
    storeys: Any = fields.ListField(subfield=fields.StringField())
    apart: Any = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        height = {name: n for n, names in enumerate(self.storeys) for name in names.split()}
        upward = []
        for importer in sorted(graph.modules):
            app, _, inside = importer.partition(".")
            if app not in self.apps or not inside:
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                there, _, part = imported.partition(".")
                names = inside.split(".")[0], part.split(".")[0]
                if there != app or not part or self.apart.intersection(names):
                    continue
                low, high = (height.get(name, height["rules"]) for name in names)
                if high > low:
                    upward.append(f"{importer} imports {imported}, which stands above it")
        return ContractCheck(kept=not upward, metadata={"upward": upward})

    def render_broken_contract(self, check: ContractCheck) -> None:
        lines: list[Any] = check.metadata["upward"]
        for line in lines:
            output.print_error(line)
