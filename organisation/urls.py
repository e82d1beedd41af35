from django.urls import path

from organisation.views import people, session

app_name = "organisation"
urlpatterns = [
    path("sign-in/", session.sign_in, name="login"),
    path("sign-out/", session.sign_out, name="logout"),
    path("language/", session.language, name="language"),
    path("account/", people.account, name="account"),
    path("institution/", people.account, name="institution"),
    path("people/", people.account, name="people"),
    path("audit/", people.account, name="audit"),
    path("healthz", session.healthy, name="healthy"),
]
