"""A Django project in one file: a login as JSON, on SQLite."""

import json
import os
import secrets
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher


class Hasher(Argon2PasswordHasher):
    """Django's own hasher with the parameters of every measured system."""

    memory_cost = 19456
    time_cost = 2
    parallelism = 1


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(os.environ["DIR"]) / "django.sqlite",
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    PASSWORD_HASHERS=["peer.Hasher"],
    ROOT_URLCONF="peer",
    SECRET_KEY=secrets.token_urlsafe(50),
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import authenticate, get_user_model  # noqa: E402 (models need the settings)
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402


@csrf_exempt
@require_POST
def login(request):
    """Checks a password and answers the user. No session is made, as Umoja makes none."""
    body = json.loads(request.body)
    user = authenticate(request, username=body["email"], password=body["password"])
    if user is None:
        return JsonResponse({"error": "wrong e-mail address or password"}, status=401)
    return JsonResponse({"user": {"id": user.pk, "email": user.email, "name": user.get_full_name()}})


urlpatterns = [path("login", login)]
application = get_wsgi_application()


def stored():
    """A stored hash as a PHC string."""
    from django.db import connection

    _, _, phc = get_user_model().objects.first().password.partition("$")
    # Processes that are forked later must not share a connection.
    connection.close()
    return f"${phc}"


def main():
    """Makes the database and registers the users."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    call_command("migrate", verbosity=0)
    for number in range(int(os.environ["USERS"])):
        email = f"user.{number}@example.com"
        name = {"first_name": "Amina", "last_name": f"Wanjiru {number}"}
        get_user_model().objects.create_user(email, email, os.environ["PASSWORD"], **name)

