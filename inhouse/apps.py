from django.apps import AppConfig


class InhouseConfig(AppConfig):
    name = "inhouse"
