"""Makes the functions of an app out of the operation table."""

from __future__ import annotations

from azure.functions import FunctionApp

from api.operations import OPERATIONS
from api.pages import METHODS, PAGES
from api.routing import CATCH_ALL, function_routes
from api.service import Service


def register(app: FunctionApp, service: Service) -> None:
    """Give ``app`` two functions for every operation, the pages, and what takes all else."""
    for operation in OPERATIONS:
        for name, route in function_routes(operation):
            function = app.route(route, methods=[operation.method])(service.function(operation))
            app.function_name(name)(function)
    for page in PAGES:
        app.function_name(page.name)(app.route(page.path, methods=METHODS)(service.page(page)))
    name, route = CATCH_ALL
    app.function_name(name)(app.route(route)(service.catch_all()))
