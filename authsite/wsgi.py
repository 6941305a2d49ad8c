"""The WSGI application that `make run` serves."""

import os

from django.core.wsgi import get_wsgi_application

from authsite.requests import UTF8WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
# A request may not hold the database for longer; commands and migrations may (they do not come this way).
os.environ.setdefault("STATEMENT_TIMEOUT_SECONDS", "5")
os.environ.setdefault("IS_SERVING", "1")

application = get_wsgi_application()
application.request_class = UTF8WSGIRequest
