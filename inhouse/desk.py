"""What waits for one person: the first page's list, from the facts as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse import guide, lifecycle
from inhouse.deadlines import lists
from inhouse.dossier import Dossier, gather
from inhouse.models import Appointment, Deadline, Declaration, Disposal, Signature
from inhouse.obstacles import Obstacle, told
from inhouse.owners import MAY_APPOINT
from organisation import access, clock
from organisation.access import Act
from organisation.models import User
from products.models import Product, Revision

LOOKED_AT = 60  # products whose dossiers are read for one person's list
SHOWN = 5  # of one's own proposals
SOON = 60  # days ahead that a deadline is something to do


@dataclass
class Task:
    """One thing to do: what, for which product, where, and by when. `kind` is that of the deadline which asks the same."""

    what: str
    product: Product | None
    address: str
    due: date | None = None
    kind: str = ""

    @property
    def state(self) -> str:
        """danger when the day has passed, warning within two weeks, else neutral."""
        return lists.urgency(self.due, clock.today()) if self.due else "neutral"


def tasks(user: User) -> list[Task]:
    """What needs this person, what is due first; things without a day come last.

    What has both words of its own and a deadline stands here once, in its own words and with the day.
    """
    due = _due(user)
    by_kind = {(row.kind, row.product_id): row for row in reversed(due)}
    found = [*_asked(user), *_to_decide(user), *_to_sign(user), *_to_register(user), *_to_dispose(user), *_own(user)]
    said = set()
    for task in found:
        key = (task.kind, task.product.pk if task.product else None)
        if task.kind and key in by_kind:
            task.due = by_kind[key].due_on
            said.add(key)
    found += [
        Task(row.title, row.product, row.get_absolute_url(), row.due_on)
        for row in due
        if (row.kind, row.product_id) not in said
    ]
    return sorted(found, key=lambda task: (task.due or date.max, task.product.number if task.product else ""))


def _due(user: User) -> list[Deadline]:
    """Their deadlines that are overdue or soon due, unless someone let them wait until later."""
    today = clock.today()
    soon = Deadline.objects.open().with_all().filter(lists.mine(user), due_on__lte=today + timedelta(days=SOON))
    return list(soon.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=today))[:LOOKED_AT])


def later(user: User) -> list[lists.Line]:
    """The next deadlines of theirs that are not yet among the tasks."""
    today = clock.today()
    rows = Deadline.objects.open().with_all().filter(lists.mine(user), due_on__gt=today + timedelta(days=SOON))
    return [lists.Line(row, today) for row in rows[:SHOWN]]


def _to(page: str, product: Product) -> str:
    return reverse(f"inhouse:{page}", args=[product.pk])


def _within(user: User, act: Act, products: QuerySet[Product]) -> QuerySet[Product]:
    """The products of the administrations in which this person's roles allow the act."""
    held = [role for role in user.roles if role.role in access.TABLE[act]]
    if any(role.administration_id is None for role in held):
        return products
    return products.filter(unit__administration__in=[role.administration_id for role in held])


def _asked(user: User) -> Iterator[Task]:
    waiting = Appointment.objects.filter(person=user, accepted_on=None, declined_on=None, ended_on=None)
    for appointment in waiting.select_related("product__unit"):
        yield Task(
            _("Answer the request to be product owner"),
            appointment.product,
            _to("owner", appointment.product),
            kind="owner_acceptance",
        )


def _to_decide(user: User) -> Iterator[Task]:
    if not access.somewhere(user, Act.DECIDE):
        return
    open_ones = Product.objects.select_related("unit")
    submitted = open_ones.filter(
        stage=Product.Stage.PROPOSED, assessments__submitted_on__isnull=False, assessments__decision=""
    )
    for product in _within(user, Act.DECIDE, submitted)[:LOOKED_AT]:
        yield Task(_("Decide whether it is made"), product, _to("decision", product))
    asked = Appointment.objects.filter(
        product=OuterRef("pk"), accepted_on=None, declined_on=None, ended_on=None, person__is_active=True
    )
    never, no_more = Q(stage=Product.Stage.ELIGIBLE, owner=None), Q(stage__in=MAY_APPOINT, owner__is_active=False)
    ownerless = open_ones.select_related("owner").filter(~Exists(asked), never | no_more)
    for product in _within(user, Act.DECIDE, ownerless)[:LOOKED_AT]:
        words = (
            _("Appoint a new product owner: %(person)s has left") % {"person": product.owner}
            if product.owner
            else _("Appoint a product owner")
        )
        yield Task(words, product, _to("owner", product), kind="owner_missing")


def _to_sign(user: User) -> Iterator[Task]:
    """Declarations that wait for this person's signature beside the owner's."""
    waiting = Signature.objects.filter(person=user, signed_at=None, frozen__ended_at=None).exclude(part=Signature.OWNER)
    for signature in waiting.select_related("frozen__revision__product__unit"):
        product = signature.frozen.revision.product
        words = _("Sign the declaration as %(role)s") % {"role": signature.get_part_display()}
        yield Task(words, product, _to("declaration-sign", product))


def _to_register(user: User) -> Iterator[Task]:
    if not access.somewhere(user, Act.REGISTER):
        return
    mine = _within(user, Act.REGISTER, Product.objects.all())
    waiting = Declaration.objects.standing().filter(
        Q(diary_number="") | Q(published_on=None), revision__product__in=mine
    )
    for declaration in waiting.select_related("revision__product").defer("snapshot")[:LOOKED_AT]:
        product = declaration.revision.product
        what, kind = (
            (_("Publish the declaration"), "publication")
            if declaration.diary_number
            else (_("Give the declaration a diary number"), "diary")
        )
        yield Task(what, product, _to("declaration", product), kind=kind)


def _to_dispose(user: User) -> Iterator[Task]:
    """Disposals that wait for a second person, which this one can be."""
    if not access.somewhere(user, Act.DISPOSE):
        return
    mine = _within(user, Act.DISPOSE, Product.objects.all())
    waiting = Disposal.objects.open().filter(confirmed_at=None, product__in=mine)
    for each in (
        waiting.exclude(proposed_by=user)
        .exclude(previewed_by=user)
        .select_related("product")
        .defer("manifest")[:LOOKED_AT]
    ):
        yield Task(_("Read and confirm the disposal of its records"), each.product, _to("disposal", each.product))


def _own(user: User) -> Iterator[Task]:
    """What stands in the way of one's own products and proposals, and of those whose records one keeps."""
    living = Product.objects.living().select_related("unit")
    mine = Q(owner=user) | Q(proposed_by=user, stage=Product.Stage.PROPOSED)
    for d in gather(list(living.filter(mine)[:LOOKED_AT])):
        yield from _of_product(d, owner=d.product.owner_id == user.pk)
    if access.somewhere(user, Act.KEEP):
        kept = _within(user, Act.KEEP, living.filter(stage__in=lifecycle.WORKED_ON)).exclude(mine)
        for d in gather(list(kept[:LOOKED_AT])):
            yield from _of_product(d, owner=False)


def _of_product(d: Dossier, *, owner: bool) -> Iterator[Task]:
    """The next thing for each life; what only the owner can do is for the owner."""
    product, stage = d.product, d.product.stage
    if stage == Product.Stage.PROPOSED:
        if d.assessment and not d.assessment.is_submitted:
            yield Task(_before_submitting(d), product, _to("assessment", product))
    elif stage == Product.Stage.ELIGIBLE:
        left = lifecycle.obstacles(d, product, Product.Stage.DEVELOPMENT)
        yield (
            _count(
                left,
                "product",
                product,
                ngettext(
                    "%(count)s thing left before development", "%(count)s things left before development", len(left)
                ),
            )
            if left
            else Task(_("Start development"), product, _to("product", product))
        )
    elif d.coming and d.coming.stage == Revision.Stage.OPEN:
        if left := [o for o in told(lifecycle.obstacles(d, d.coming, Revision.Stage.DECLARED)) if o.stops]:
            yield _count(
                left,
                "declaration",
                product,
                ngettext(
                    "%(count)s thing left before the signature", "%(count)s things left before the signature", len(left)
                ),
            )
        elif owner:
            yield Task(_("Read and sign the declaration"), product, _to("declaration-sign", product))
    elif d.coming:
        first = stage == Product.Stage.DEVELOPMENT
        left = (
            lifecycle.obstacles(d, product, Product.Stage.IN_USE)
            if first
            else lifecycle.obstacles(d, d.coming, Revision.Stage.IN_FORCE)
        )
        page = "product" if first else "change"
        if left:
            yield _count(
                left,
                page,
                product,
                ngettext("%(count)s thing left before use", "%(count)s things left before use", len(left)),
            )
        elif owner:
            yield Task(_("Take into use"), product, _to(page, product))
    if stage == Product.Stage.SUSPENDED and owner:
        yield Task(_("Use is paused: close the cause, or take it out of use"), product, _to("suspension", product))
    if stage == Product.Stage.WITHDRAWN and d.living:
        count = len(d.living)
        words = ngettext("Say what became of %(count)s item", "Say what became of %(count)s items", count) % {
            "count": localize(count)
        }
        yield Task(words, product, _to("withdrawal", product))


def _count(left: list[Obstacle], page: str, product: Product, words: str) -> Task:
    """One obstacle by its own words, on the page where it is mended; several as a number, on the page that lists them."""
    if len(left) == 1:
        return Task(left[0].text, product, _to(left[0].mend or page, product))
    return Task(words % {"count": len(left)}, product, _to(page, product))


def proposals(user: User) -> list[tuple[Product, str]]:
    """The newest products this person proposed that are not in use yet, or never will be, each with how far it is."""
    theirs = Product.objects.filter(proposed_by=user).exclude(stage__in=Product.Stage.used).select_related("unit")
    return [(d.product, _how_far(d)) for d in gather(list(theirs[:SHOWN]))]


def _how_far(d: Dossier) -> str:
    """What a proposal waits for, or how it ended."""
    product, stage = d.product, d.product.stage
    if stage == Product.Stage.PROPOSED:
        submitted = d.assessment and d.assessment.is_submitted
        return _("waits for a manager to decide") if submitted else _before_submitting(d)
    if stage == Product.Stage.REJECTED:
        return product.get_outcome_display()
    if stage == Product.Stage.ELIGIBLE and not product.owner_id:
        return (
            _("waits for an answer from %(person)s") % {"person": d.asked.person} if d.asked else _("has no owner yet")
        )
    return ""


def _before_submitting(d: Dossier) -> str:
    """How much of the way is left before a manager is asked."""
    left = len(guide.unfinished(guide.of(d)))
    words = ngettext(
        "%(count)s part left before it can be submitted", "%(count)s parts left before it can be submitted", left
    )
    return words % {"count": localize(left)} if left else _("Check the answers, and submit the assessment")


def numbers(user: User) -> dict[str, int]:
    """How many products of the person's own administration stand in each stage."""
    rows = (
        Product.objects.filter(unit__administration=user.unit.administration_id)
        .order_by()
        .values_list("stage")
        .annotate(count=Count("pk"))
    )
    return dict(rows)
