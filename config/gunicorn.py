"""The web server: threads in a few processes, from the environment."""

import os
from typing import Any

from gunicorn.glogging import Logger

from config.discreet import Discreet


class DiscreetLogger(Logger):  # type: ignore[misc]
    """Tells of requests without the secret that the address of a calendar holds."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in (*self.access_log.handlers, *self.error_log.handlers):
            handler.addFilter(Discreet())


bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 60  # seconds without a sign of life before a worker is replaced
graceful_timeout = 10  # seconds to finish what is being answered
max_requests = 5000  # then a fresh process, so that nothing can grow for ever
max_requests_jitter = 500
control_socket_disable = True
logger_class = DiscreetLogger
accesslog = os.environ.get("ACCESS_LOG", "-") or None
# Method, path, protocol: not the query, where someone may have searched for a patient's number, nor the page before
access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s "%(a)s"'
