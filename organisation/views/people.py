"""Users and their roles, kept by operators; and the table that says what a role may do."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organisation import absences, access, alarms, clock, factors, history, lockout
from organisation import people as rules
from organisation.access import Act, Tie
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm, attempt
from organisation.models import Absence, Administration, Assignment, Credential, Role, Unit, User
from organisation.notices import Notice
from organisation.views import notices

PER_PAGE = 50
FIELDS = ("name", "email", "title", "level", "unit", "language")


def units_by_administration(*, beside: int | None = None) -> list[Any]:
    """The open units under their administrations, for a field to choose from; `beside` stays in though closed."""
    units = (
        Unit.objects.filter(Q(active=True) | Q(pk=beside))
        .select_related("administration")
        .order_by(by("administration__name"), by("name"))
    )
    grouped: dict[str, list[tuple[int, str]]] = {}
    for unit in units:
        grouped.setdefault(str(unit.administration), []).append((unit.pk, str(unit)))
    return [("", "---------"), *grouped.items()]


class FilterForm(Form):
    q = forms.CharField(label=gettext_lazy("Name or e-mail"), required=False)
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False)
    administration = forms.ModelChoiceField(
        Administration.objects.order_by(by("name")),
        label=gettext_lazy("Administration"),
        required=False,
        empty_label=gettext_lazy("all"),
    )
    former = forms.BooleanField(label=gettext_lazy("Also deactivated"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [("", _("all")), *Role.choices]  # type: ignore[attr-defined]

    def narrow(self, people: QuerySet[User]) -> QuerySet[User]:
        wanted = self.cleaned_data
        if wanted["q"]:
            people = people.filter(Q(name__icontains=wanted["q"]) | Q(email__icontains=wanted["q"]))
        if wanted["role"]:
            held = Assignment.objects.on(clock.today()).filter(role=wanted["role"])
            people = people.filter(pk__in=held.values("user"))
        if wanted["administration"]:
            people = people.filter(unit__administration=wanted["administration"])
        return people if wanted["former"] else people.filter(is_active=True)


class PersonForm(ModelForm[User]):
    class Meta:
        model = User
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = units_by_administration()  # type: ignore[attr-defined]

    def validate_unique(self) -> None:
        """The rule says it, whatever the case of the letters."""


class EditPersonForm(EditForm[User]):
    class Meta:
        model = User
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = units_by_administration(beside=self.instance.unit_id)  # type: ignore[attr-defined]

    def validate_unique(self) -> None:
        """The rule says it, whatever the case of the letters."""


class RoleForm(Form):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices)
    administration = forms.ModelChoiceField(
        Administration.objects.filter(active=True).order_by(by("name")),
        label=gettext_lazy("Administration"),
        required=False,
        empty_label=gettext_lazy("the whole institution"),
    )
    since = forms.DateField(label=gettext_lazy("From"))
    until = forms.DateField(
        label=gettext_lazy("Until"), required=False, help_text=gettext_lazy("The last day, if it is known.")
    )


class EndForm(Form):
    until = forms.DateField(label=gettext_lazy("Last day"))
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 2}))


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 2}))


@door(Act.USERS)
def people(request: Request) -> HttpResponse:
    """Everyone with an account, narrowed by what stands in the address."""
    form = FilterForm(request.GET)
    today = Prefetch(
        "assignments", Assignment.objects.on(clock.today()).select_related("administration"), to_attr="held_today"
    )
    everyone = User.objects.select_related("unit__administration").prefetch_related(today)
    found: QuerySet[User] = everyone.order_by(by("name"), "pk")
    if form.is_valid():
        found = form.narrow(found)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    told = history.latest(history.of(User).all(), history.of(Assignment).all())
    context = {"form": form, "page": page, "query": query.urlencode(), "told": told, "alarms": alarms.sounding()}
    return render(request, "organisation/people/list.html", context)


@door(Act.USERS)
def add(request: Request) -> HttpResponse:
    """Add someone; their first password is shown on the answer and nowhere else."""
    form = PersonForm(request.POST or None, initial={"language": request.user.language})
    if request.method == "POST" and form.is_valid():
        made: list[Any] = []
        if attempt(form, lambda: made.extend(rules.add(form.values, by=request.user))):
            return _password_slip(request, made[0], made[1])
    return render(request, "organisation/people/add.html", {"form": form})


def _told(someone: User) -> list[history.Entry]:
    """What happened lately to a person and their roles."""
    return history.latest(
        history.of(someone).all(),
        history.of(Assignment).filter(user=someone.pk),
        history.of(Credential).filter(user=someone.pk),
        history.of(Absence).filter(person=someone.pk),
    )


def _person(pk: int) -> User:
    return get_object_or_404(User.objects.select_related("unit__administration"), pk=pk)


@door(Act.USERS)
def person(request: Request, pk: int) -> HttpResponse:
    """One person: edit what stands about them, see and give roles."""
    someone = _person(pk)
    form = EditPersonForm(request.POST or None, instance=_person(pk))
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.edit(someone, form.values, by=request.user))
    ):
        messages.success(request, _("Saved."))
        return redirect("organisation:person", pk)
    return _about(request, someone, form=form)


@door(Act.USERS)
def role(request: Request, pk: int) -> HttpResponse:
    """Give a role."""
    someone = _person(pk)
    form = RoleForm(request.POST or None, initial={"since": clock.today()}, prefix="role")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.assign(someone, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("The role is given."))
        return redirect("organisation:person", pk)
    context = {"person": someone, "form": form, "told": _told(someone)}
    return render(request, "organisation/people/role.html", context)


def _about(request: Request, someone: User, *, form: forms.BaseForm) -> HttpResponse:
    held = someone.assignments.select_related("administration").order_by("-since", "role")
    context = {
        "person": someone,
        "form": form,
        "held": held,
        "away": absences.coming(someone.absences.all()),
        "today": clock.today(),
        "own": someone.pk == request.user.pk,
        "told": _told(someone),
    }
    return render(request, "organisation/people/person.html", context)


@door(Act.USERS)
def end_role(request: Request, pk: int) -> HttpResponse:
    """End a role, on a day and for a reason."""
    held = get_object_or_404(Assignment.objects.select_related("user__unit", "administration"), pk=pk)
    form = EndForm(request.POST or None, initial={"until": clock.today()})
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.end_role(held, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("The role is ended."))
        return redirect("organisation:person", held.user_id)
    context = {"held": held, "person": held.user, "form": form, "told": _told(held.user)}
    return render(request, "organisation/people/end_role.html", context)


@door(Act.USERS)
def renew_password(request: Request, pk: int) -> HttpResponse:
    """A first password anew, for someone who has lost theirs."""
    someone = _person(pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made: list[str] = []
        if attempt(form, lambda: made.append(rules.renew_password(someone, by=request.user, **form.cleaned_data))):
            notices.tell(someone, Notice.PASSWORD_RENEWED)
            return _password_slip(request, someone, made[0])
    context = {"person": someone, "form": form, "told": _told(someone)}
    return render(request, "organisation/people/password.html", context)


@door(Act.USERS)
def sign_in(request: Request, pk: int) -> HttpResponse:
    """How someone signs in: lift a lock-out, or remove what they have lost."""
    someone = _person(pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        act = lockout.unlock if request.POST.get("act") == "unlock" else factors.reset
        if attempt(form, lambda: act(someone, by=request.user, **form.cleaned_data)):
            if act is factors.reset:
                notices.tell(someone, Notice.RESET)
            messages.success(request, _("Saved."))
            return redirect("organisation:person-sign-in", pk)
    context = {
        "person": someone,
        "form": form,
        "told": _told(someone),
        "credentials": someone.credentials.select_related("authenticator"),
        "locked": someone.locked_until is not None and someone.locked_until > clock.now(),
        "own": someone.pk == request.user.pk,
    }
    return render(request, "organisation/people/sign_in.html", context)


@door(Act.USERS)
def reactivate(request: Request, pk: int) -> HttpResponse:
    """Someone is back."""
    someone = _person(pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made: list[str] = []
        if attempt(form, lambda: made.append(rules.reactivate(someone, by=request.user, **form.cleaned_data))):
            return _password_slip(request, someone, made[0])
    context = {"person": someone, "form": form, "told": _told(someone)}
    return render(request, "organisation/people/reactivate.html", context)


def _password_slip(request: Request, someone: User, password: str) -> HttpResponse:
    """The one page that shows a first password; nothing keeps it."""
    response = render(request, "organisation/people/slip.html", {"person": someone, "password": password})
    response["Cache-Control"] = "no-store"
    return response


@door(Act.USERS)
def access_table(request: Request) -> HttpResponse:
    """The table of act and role that every page and rule asks."""
    columns = [Tie.PUBLIC, Tie.STAFF, Tie.OWNER, Tie.PROPOSER, *Role]
    rows = [(act, [access.covers(act, column) for column in columns]) for act in Act]
    return render(request, "organisation/people/access.html", {"columns": columns, "rows": rows})
