"""The page where anyone drops a PDF and is told whether it is a published declaration. It is read once and kept nowhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from inhouse import verifying as rules
from organisation.access import Act
from organisation.doors import door
from organisation.forms import Form


class OneSmallFile(MemoryFileUploadHandler):
    """Keeps a file in memory only, and stops reading what is larger than any declaration."""

    too_large = False

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True
        self.size = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.size += len(raw_data)
        if self.size > rules.LIMIT:
            self.too_large = True
            raise StopUpload(connection_reset=False)
        return super().receive_data_chunk(raw_data, start)


class VerifyForm(Form):
    pdf = forms.FileField(
        label=gettext_lazy("The PDF"),
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf,.pdf"}),
        error_messages={
            "required": gettext_lazy("Choose the PDF first."),
            "empty": gettext_lazy("The file is empty."),
            "max_length": gettext_lazy("The name of the file is too long. Rename it."),
        },
    )


# Nothing is changed and nobody is known here, so a request from elsewhere does no harm; and only as long as nobody has
# read what was sent can be said how much of it is read.
@csrf_exempt
@door(Act.READ_PUBLIC)
@never_cache
def verify(request: HttpRequest) -> HttpResponse:
    """Drop a PDF, and read whose it is, whether it is intact and whether it holds today."""
    reader = OneSmallFile(request)
    request.upload_handlers = [reader]
    form = VerifyForm(request.POST, request.FILES) if request.method == "POST" else VerifyForm()
    verdict = None
    if reader.too_large:
        form = VerifyForm({}, {})
        form.errors["pdf"] = form.error_class(
            [_("The file is larger than %(limit)s, and no declaration is.") % {"limit": filesizeformat(rules.LIMIT)}]
        )
    elif form.is_bound and form.is_valid():
        pdf = form.cleaned_data["pdf"]
        try:
            verdict = rules.judge(pdf.read(), name=pdf.name)
        except ValidationError as refusal:
            form.add_error("pdf", refusal)
    return render(
        request,
        "inhouse/public/verify.html",
        {"form": form, "verdict": verdict, "name": verdict and form.cleaned_data["pdf"].name},
        status=422 if form.errors else 200,
    )


urls = [path("register/verify/", verify, name="public-verify")]
