from django.urls import path

from organisation.views import account, audit, people, session

app_name = "organisation"
urlpatterns = [
    path("sign-in/", session.sign_in, name="login"),
    path("sign-out/", session.sign_out, name="logout"),
    path("language/", session.language, name="language"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="person-add"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/role/", people.role, name="role-add"),
    path("people/<int:pk>/password/", people.renew_password, name="person-password"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="person-reactivate"),
    path("roles/<int:pk>/end/", people.end_role, name="role-end"),
    path("access/", people.access_table, name="access"),
    path("audit/", audit.audit, name="audit"),
    path("healthz", session.healthy, name="healthy"),
]
