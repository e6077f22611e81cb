"""The click agent over HTTP, for recommenders in any language (`nudgesim serve`)."""

from simulator.service.app import create_app
from simulator.service.desk import Desk
from simulator.service.limits import Limits
from simulator.service.serving import bind, read_token, serve

__all__ = ["Desk", "Limits", "bind", "create_app", "read_token", "serve"]
