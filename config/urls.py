from django.urls import include, path

urlpatterns = [
    path("", include("inhouse.urls")),
    path("", include("documents.urls")),
    path("", include("organisation.urls")),
]

handler400 = "organisation.views.errors.bad_request"
handler500 = "organisation.views.errors.failed"
