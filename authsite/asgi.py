"""The ASGI application, for hosts that ask for one; WSGI is several times faster here."""

import os

from django.core.asgi import get_asgi_application

from authsite.requests import UTF8ASGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
os.environ.setdefault("IS_SERVING", "1")

application = get_asgi_application()
application.request_class = UTF8ASGIRequest
