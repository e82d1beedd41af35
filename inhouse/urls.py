from django.urls import path

from inhouse.views import home

app_name = "inhouse"
urlpatterns = [path("", home.home, name="home")]
