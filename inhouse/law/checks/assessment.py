"""G1 and G2: what it is, whether we may make it, and who decided."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from inhouse import guide, law
from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.models import Assessment, MarketSearch
from inhouse.searches import rests_on_cost

WHICH = ("md_or_ivd", "software_md_or_ivd")
"""The trees whose outcomes name the regulation."""


def course(d: Dossier) -> guide.Course | None:
    """The way of the latest assessment, read from the dossier."""
    return guide.of(d) if d.assessment else None


@check("G1", "VGR-02", "MDR55-0", "IVDR55-0")
def device_question(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c and c.qualification.waits_for in WHICH:
        yield from regulation(d)
    elif c is None or not c.qualification.end:
        yield Missing(_("Say whether it is a medical device."), "assessment-device")
    elif c.qualification.end == "not_covered":
        yield Missing(
            _("By the answers this is not a medical device: it is not made under Article 5(5)."), "assessment-device"
        )


@check("G1", "VGR-11")
def non_medical_statement(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c and c.qualification.end == "not_covered" and not c.assessment.non_medical_statement:
        yield Missing(_("Describe in your own words the intended use that is not medical."), "assessment-device")


@check("G1", "VGR-12")
def regulation(d: Dossier) -> Iterator[Missing]:
    """Which regulation applies is known before anything that rests on it is asked."""
    c = course(d)
    if c and c.qualification.waits_for in WHICH:
        yield Missing(_("Say whether it is an in vitro diagnostic medical device."), "assessment-device")


@check("G1", "USE-01")
def way_of_use(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or (c.assessment.is_decided and not c.given("ways_of_use")):
        return  # decided on the short form, which did not ask
    way = c.outcome("ways_of_use")
    if not way:
        yield Missing(_("Say in which of the five ways it may be used in health care."), "assessment-route")
    elif way not in ("use_in_house", "use_custom_made", "use_investigation"):
        yield Missing(
            _("By the answers it is not used as an in-house device: %(way)s.") % {"way": law.outcomes()[way].text},
            "assessment-route",
        )
    elif way != "use_in_house" and not c.end():
        yield Missing(
            _("The answers do not fit together: the way into use is “%(way)s”, but what follows says otherwise.")
            % {"way": law.outcomes()[way].text},
            "assessment-route",
        )


@check("G1", "VGR-20")
def scope_category(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or not c.categories:
        yield Missing(_("Choose what kind of work it is, at least one of the five categories."), "assessment-scope")


@check("G1", "VGR-21", "VGR-22", "VGR-23", "VGR-24")
def scope_facts(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or c.assessment.is_decided:
        return
    for category in c.kinds:
        if category not in c.noted:
            title = law.trees()["scope_categories"][category].text
            yield Missing(
                _("Describe what the kind of work asks to know: “%(category)s”.") % {"category": title},
                "assessment-scope",
            )


@check("G1", "CI-02")
def investigation(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or not c.studies or (c.assessment.is_decided and not c.given("clinical_investigation")):
        return
    if not c.outcome("clinical_investigation"):
        yield Missing(_("Say whether it is a clinical investigation."), "assessment-scope")
    elif c.outcome("clinical_investigation") == "ci":
        yield Missing(
            _("By the answers this is a clinical investigation: apply or notify before it starts."), "assessment-scope"
        )


@check("G1", "CMD-01")
def custom_made(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or not c.outcome("custom_made"):
        yield Missing(_("Say whether it is custom-made for one named patient."), "assessment-route")
    elif c.outcome("custom_made") == "custom_made":
        yield Missing(
            _("By the answers this is a custom-made device: Annex XIII applies instead of Article 5(5)."),
            "assessment-route",
        )


@check("G1", "MDR55-m")
def outside_use(d: Dossier) -> Iterator[Missing]:
    c = course(d)
    if c is None or not c.outcome("outside_use"):
        yield Missing(_("Say whether patients will use it outside the institution."), "assessment-route")
    elif c.outcome("outside_use") == "outside":
        yield Missing(
            _("Patients would use it outside the institution; that needs a CE-marked device."), "assessment-route"
        )


@check("G2", "VGR-10")
def need(d: Dossier) -> Iterator[Missing]:
    if not (
        d.assessment and d.assessment.patient_group and d.assessment.special_need and d.assessment.performance_level
    ):
        yield Missing(
            _("Describe the patient group, its special need and the performance it calls for."), "assessment-need"
        )


def _prohibition(d: Dossier, question: str, unanswered: str, confirmed: str) -> Iterator[Missing]:
    answer = d.answered("prohibitions").get(question)
    if answer is None or not answer.reason:
        yield Missing(unanswered, "assessment-prohibitions")
    elif answer.is_yes:
        yield Missing(confirmed, "assessment-prohibitions")


@check("G2", "VGR-30")
@check("G6", "VGR-30")
def equivalent_exists(d: Dossier) -> Iterator[Missing]:
    yield from _prohibition(
        d,
        "ce_equivalent_exists",
        _("Say, with a reason, whether an equivalent CE-marked device can meet the need."),
        _("An equivalent CE-marked device can meet the need: buy it instead."),
    )


@check("G2", "VGR-31", "MDR55-j", "IVDR55-j")
@check("G6", "VGR-31", "MDR55-j", "IVDR55-j")
def industrial_scale(d: Dossier) -> Iterator[Missing]:
    yield from _prohibition(
        d,
        "industrial_scale",
        _("Say, with a reason, whether the need demands an industrial scale."),
        _("The need demands an industrial scale, which in-house manufacture excludes."),
    )


@check("G2", "VGR-32")
@check("G6", "VGR-32")
def patient_safety(d: Dossier) -> Iterator[Missing]:
    yield from _prohibition(
        d,
        "not_safe_benefit",
        _("Say, with a reason, whether it is unfavourable for patient safety."),
        _("It is not favourable for patient safety."),
    )


@check("G2", "VGR-33", "MDR55-a", "IVDR55-a")
@check("G6", "VGR-33", "MDR55-a", "IVDR55-a")
def own_organisation(d: Dossier) -> Iterator[Missing]:
    yield from _prohibition(
        d,
        "outside_organisation",
        _("Say, with a reason, whether it will be used outside the own organisation."),
        _("It would be used outside the own organisation; that needs CE marking."),
    )


@check("G2", "MDR55-c", "IVDR55-d")
def market(d: Dossier) -> Iterator[Missing]:
    yield from need(d)
    search = d.search
    if search is None:
        yield Missing(
            _("Search the market for an equivalent CE-marked device, and justify why none meets the need."), "market"
        )
    elif d.assessment and search.assessment_id != d.assessment.pk:
        yield Missing(_("Search the market anew: the last search belongs to the earlier assessment."), "market")
    elif search.result == MarketSearch.Result.EQUIVALENT:
        yield Missing(_("The market search found an equivalent device: buy it instead."), "market")
    else:
        considered = d.considered(search)
        if not (d.looked(search) or search.sources):  # the short form said in one text where was searched
            yield Missing(_("Name at least one place that was searched."), "market")
        if search.result == MarketSearch.Result.NONE_FITS and not considered:
            yield Missing(_("Name the devices that were considered and why each does not meet the need."), "market")
        if unjudged := [str(candidate) for candidate in considered if not candidate.shortfall]:
            yield Missing(
                _("Say why these do not meet the need: %(devices)s.") % {"devices": "; ".join(unjudged)}, "market"
            )


@check("G2", "MDR55-n")
def grounds(d: Dossier) -> Iterator[Missing]:
    search = d.search
    if search and rests_on_cost(search.result, [ground.kind for ground in d.grounds_of(search)]):
        yield Missing(
            _(
                "The market search gives no ground but cost: name one that is clinical, or lies in performance, fit to the patient group or availability."
            ),
            "market",
        )


@check("G2", "VGR-40")
def weighing(d: Dossier) -> Iterator[Missing]:
    a = d.assessment
    if not (a and a.benefit and a.risk and a.cost and a.weighing):
        yield Missing(_("Weigh benefit, risk and cost, and say what the weighing comes to."), "assessment-weighing")
    elif (
        a.weighed_on and d.search and d.search.searched_on and d.search.searched_on > a.weighed_on and not a.is_decided
    ):
        yield Missing(_("Weigh anew: the market was searched after the weighing."), "assessment-weighing")
    if not (a and a.decision == Assessment.Decision.MANUFACTURE):
        yield Missing(_("A manager decides whether it is made."), "decision")


@check("G2", "VGR-41")
def support(d: Dossier) -> Iterator[Missing]:
    a = d.assessment
    if not a or a.support_needed is None or not a.support_reason:
        yield Missing(
            _("Say, with a reason, whether the support of a competent adviser is needed."), "assessment-weighing"
        )
    elif a.support_needed and not (a.adviser and a.advice and a.advised_on):
        yield Missing(_("Note who gave the advice, when, and what it was."), "assessment-weighing")
