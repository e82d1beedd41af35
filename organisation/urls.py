from django.urls import path

from organisation.views import session

app_name = "organisation"
urlpatterns = [
    path("sign-in/", session.sign_in, name="login"),
    path("sign-out/", session.sign_out, name="logout"),
    path("language/", session.language, name="language"),
    path("healthz", session.healthy, name="healthy"),
]
