"""gunicorn: each worker watches itself, from its fork to its end.

gunicorn --config examples/embedding/gunicorn_conf.py --chdir examples/embedding "wsgi_app:app"
"""

from typing import Any

import tocsin

bind = "127.0.0.1:8000"
workers = 2


def post_fork(_server: Any, _worker: Any) -> None:
    tocsin.watch(name="shop")
