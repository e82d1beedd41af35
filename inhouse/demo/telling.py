"""The stories, lived one act after the other in the order of time, through the rules and by whoever may.

A story is a generator: it yields the day on which it wants to go on, and acts when it is woken. One queue wakes them
all, so the clock only runs forwards and the numbers of the products follow their days, as they would in life.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime, time

from django.db import transaction
from django.utils import timezone, translation

from inhouse import assessment
from inhouse.demo import region
from inhouse.demo.afterwards import Afterwards
from inhouse.demo.days import Days, Story
from inhouse.demo.falling_due import DueDays
from inhouse.demo.office import HandOuts, Office
from inhouse.demo.stories import Device, kinds
from organisation import clock


def tell(devices: Iterable[Device], *, say: Callable[[str], None]) -> None:
    """Live these stories up to now, or nothing at all."""
    now = clock.now()
    with transaction.atomic(), translation.override("sv"):
        with clock.at(timezone.make_aware(datetime.combine(region.SETTLED_ON, time(8, 30)))):
            cast = region.settle()
        shared, today = kinds(), timezone.localdate(now)
        stories: list[Story] = [DeviceStory(device, shared[device.kind], cast, today) for device in devices]
        stories += [Office(cast, today), HandOuts(cast, today), DueDays(cast, today)]
        _live(stories, now=now, say=say)


def _live(stories: list[Story], *, now: datetime, say: Callable[[str], None]) -> None:
    waiting = [(story.moment(next(story.life)), order, story) for order, story in enumerate(stories)]
    heapq.heapify(waiting)
    year = 0
    while waiting:
        moment, order, story = heapq.heappop(waiting)
        if moment >= now:
            raise RuntimeError(f"The story “{story.key}” goes on after today: {moment:%Y-%m-%d}.")
        if timezone.localtime(moment).year != year:
            year = timezone.localtime(moment).year
            say(f"{year} …")
        story.last = moment
        try:
            with clock.at(moment):
                wanted = next(story.life)
        except StopIteration:
            continue
        except Exception as trouble:
            trouble.add_note(f"In the story “{story.key}” on {moment:%Y-%m-%d}.")
            raise
        heapq.heappush(waiting, (story.moment(wanted), order, story))


class DeviceStory(Afterwards):
    """One device, from the idea to where it is today."""

    def lived(self) -> Days:
        device = self.device
        yield from self._travel("proposed", device.stop, device.began, device.reached)
        if device.again:
            yield self.day(device.again["day"])
            assessment.again(self.product, reason=device.again["why"], by=self.cast(device.by))
            self.device = device = Device(
                **{**device.__dict__, "prohibited": {}, "result": "none_fits", "stop": device.again["stop"]}
            )
            yield from self._travel("described", device.stop, device.again["day"], device.again["reached"])
        yield from self._afterwards()
