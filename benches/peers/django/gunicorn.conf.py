"""One process for each core, with threads so that connections are kept alive."""

import json
import os
import platform
from importlib.metadata import version

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = int(os.environ["CORES"])
worker_class = "gthread"
threads = 4
keepalive = 75
control_socket_disable = True


def when_ready(_server):
    import peer

    versions = {name: version(name) for name in ("Django", "gunicorn", "argon2-cffi")}
    ready = {"path": "/login", "stored": peer.stored(), "versions": {"python": platform.python_version(), **versions}}
    print(json.dumps(ready), flush=True)
