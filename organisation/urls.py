from django.urls import path

from organisation.views import absences, account, audit, factors, people, proving, session

app_name = "organisation"
urlpatterns = [
    path("sign-in/", session.sign_in, name="login"),
    path("sign-in/passkey/", session.passkey, name="sign-in-passkey"),
    path("sign-in/single/", session.single_sign_on, name="sign-on"),
    path("sign-in/single/answer/", session.sign_on_answer, name="sign-on-answer"),
    path("sign-out/", session.sign_out, name="logout"),
    path("language/", session.language, name="language"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/reminders/", account.reminders, name="reminders"),
    path("account/absences/add/", absences.add_own, name="absence-own"),
    path("account/app/", factors.app, name="factor-app"),
    path("account/passkey/", factors.passkey, name="factor-passkey"),
    path("account/recovery-codes/", factors.recovery_codes, name="factor-recovery"),
    path("account/remove/", factors.remove, name="factor-remove"),
    path("prove/", proving.prove, name="prove"),
    path("prove/single/", proving.prove_sign_on, name="prove-sign-on"),
    path("prove/single/answer/", proving.prove_sign_on_answer, name="prove-sign-on-answer"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="person-add"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/role/", people.role, name="role-add"),
    path("people/<int:pk>/password/", people.renew_password, name="person-password"),
    path("people/<int:pk>/sign-in/", people.sign_in, name="person-sign-in"),
    path("people/<int:pk>/absence/", absences.add, name="absence-add"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="person-reactivate"),
    path("roles/<int:pk>/end/", people.end_role, name="role-end"),
    path("absences/<int:pk>/", absences.absence, name="absence"),
    path("absences/at/<int:pk>/", absences.at, name="absences-at"),
    path("access/", people.access_table, name="access"),
    path("audit/", audit.audit, name="audit"),
    path("healthz", session.healthy, name="healthy"),
]
