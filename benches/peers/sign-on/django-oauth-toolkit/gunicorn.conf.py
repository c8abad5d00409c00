"""One process for each core, with threads so that connections are kept alive."""

import os

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = int(os.environ["CORES"])
worker_class = "gthread"
threads = 4
keepalive = 75
control_socket_disable = True


def when_ready(_server):
    print(os.environ["READY"], flush=True)
