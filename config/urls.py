from django.urls import include, path

from organisation.views import session

urlpatterns = [
    path(
        "sign-in/code/", session.code, name="mfa_authenticate"
    ),  # the one page that allauth sends people to, by its name
    path("", include("inhouse.urls")),
    path("", include("documents.urls")),
    path("", include("organisation.urls")),
]

handler400 = "organisation.views.errors.bad_request"
handler500 = "organisation.views.errors.failed"
