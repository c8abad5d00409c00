"""A Django project in one file: an OpenID Provider by django-oauth-toolkit, on SQLite.

It signs with RS256 only. The secret of the client is stored as such, because the toolkit's hash of secrets is that of
passwords, whose cost would be measured instead of the protocol's. The client is trusted, so no consent is asked.
"""

import json
import os
import platform
import secrets
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings

DIR = Path(os.environ["DIR"])
REDIRECT_URI = "https://client.example/callback"

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DIR / "django.sqlite",
            "CONN_MAX_AGE": None,
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": (DIR / "key.pem").read_text(),
        "SCOPES": {"openid": "who the person is"},
        "PKCE_REQUIRED": True,
    },
    ROOT_URLCONF="peer",
    SECRET_KEY=os.environ.get("SECRET_KEY", secrets.token_urlsafe(50)),
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 (models need the settings)
from django.urls import include, path  # noqa: E402

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
application = get_wsgi_application()


def main():
    """Makes the database, a person with a session, and a client. Prints what the measurement has to know."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from oauth2_provider.models import get_application_model

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("amina", "amina@example.com", None)
    browser = Client()
    browser.force_login(user)
    secret = secrets.token_urlsafe(32)
    common = {"user": user, "redirect_uris": REDIRECT_URI, "client_type": "confidential", "hash_client_secret": False}
    common |= {"client_secret": secret, "skip_authorization": True, "algorithm": "RS256"}
    make = get_application_model().objects.create
    code = make(name="code", authorization_grant_type="authorization-code", **common)
    own = make(name="own", authorization_grant_type="client-credentials", **common)
    ready = {
        "authorize": "/o/authorize/",
        "token": "/o/token/",
        "jwks": "/o/.well-known/jwks.json",
        "clients": {"RS256": [code.client_id, secret]},
        "own": [own.client_id, secret],
        "redirect_uri": REDIRECT_URI,
        "cookie": f"sessionid={browser.cookies['sessionid'].value}",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("Django", "django-oauth-toolkit", "gunicorn")},
    }
    print(json.dumps(ready))
