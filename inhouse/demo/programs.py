"""The software of the demo: what it is made of, how it is tested, and the plan of an AI."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import yaml

from inhouse import software
from inhouse.demo.days import Days
from inhouse.demo.life import Life
from inhouse.demo.region import FOLDER
from inhouse.law.software import software as law
from organisation import clock


@cache
def programs() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((FOLDER / "programs.yaml").read_text(encoding="utf-8"))
    return data


class Programs(Life):
    """What is asked only of software."""

    @property
    def program(self) -> dict[str, Any]:
        own: dict[str, Any] = programs()["devices"].get(self.device.key, {})
        return own

    @property
    def _is_software(self) -> bool:
        return "is_software" in self.device.traits

    @property
    def _is_ai(self) -> bool:
        return "is_ai" in self.device.traits

    def _programmed(self) -> Days:
        """The early questions, modules and tests; of an AI also its data, points and plan. A day or two apart."""
        shared, own, by = programs()["shared"], self.program, self.engineer
        software.plan(
            self.coming,
            develops_algorithm=own.get("develops", False),
            collects_data=own.get("collects", False),
            device_since=self.day(self.device.began),
            is_ai=self._is_ai,
            by=by,
        )
        yield clock.today()
        software.compose_modules(self.coming, self._modules, by=by)
        tests: dict[str, software.Test] = {
            kind: {
                "is_relevant": "plan" in test,
                "plan": test.get("plan", ""),
                "standard": test.get("standard", ""),
                "reason": test.get("reason", ""),
            }
            for kind, test in (shared["tests"] | own.get("tests", {})).items()
        }
        software.plan_tests(self.coming, tests, by=by)
        if not self._is_ai:
            return
        yield clock.today()
        for row in own.get("data", []):
            software.keep_data_set(self.coming, row, by=by)
        software.answer_points(self.coming, own.get("points", {}), by=by)
        start = clock.today()
        steps: dict[str, software.Planned] = {
            step: {"planned_on": start + timedelta(days=row["planned"]), "note": row.get("note", "")}
            for step, row in own.get("steps", {}).items()
        }
        software.plan_steps(self.coming, steps, by=by)

    @property
    def _modules(self) -> list[software.Module]:
        risk_class = self.coming.risk_class
        return [self._module({"risk_class": risk_class} | row) for row in self.program.get("modules", [{}])]

    def _module(self, row: dict[str, Any]) -> software.Module:
        """A module as it is written down; of a device that says nothing of its own, the whole of it."""
        shared, is_device = programs()["shared"], row.get("is_device", True)
        return {
            "name": row.get("name", self.device.name),
            "purpose": row.get("purpose", self.device.purpose),
            "is_device": is_device,
            "risk_class": row["risk_class"] if is_device else "",
            "marking": shared["marking"] if is_device else "",
            "interfaces": row.get("interfaces", shared["interfaces"] if is_device else ""),
            "effect": row.get("effect", shared["effect"]),
        }

    def _tick(self, station: str) -> None:
        """The steps of the plan that are done at this station."""
        for entry in law().steps:
            if self.program.get("steps", {}).get(entry.id, {}).get("at") == station:
                revision = self.product.revisions.latest("number")
                software.do_step(revision, entry.id, done_on=clock.today(), by=self.engineer)
