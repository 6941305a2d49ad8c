"""The WSGI application that `make run` serves."""

import os

from django.core.wsgi import get_wsgi_application

from authsite.requests import UTF8WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
# Only what serves can run out of threads, and may not hold the database for long: see the settings.
os.environ.setdefault("IS_SERVING", "1")

application = get_wsgi_application()
application.request_class = UTF8WSGIRequest
