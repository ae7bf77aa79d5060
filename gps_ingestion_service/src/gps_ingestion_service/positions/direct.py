"""The short way to the routes that take fixes.

Such a route needs nothing of the framework but its description in the OpenAPI document:
it reads body and headers itself. To look for it among all routes, to resolve what it
depends on and to enter exit stacks costs a request with one fix as much as the rest.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.formats import DecodeError
from gps_ingestion_service.state import get_state

OnError = Callable[[Request, Exception], Awaitable[Response]]


class DirectRoutes:
    """ASGI middleware that calls a router's endpoints by method and path.

    Each endpoint must take the request and the state and nothing else, and its path
    have no parameter. ``on_error`` makes the answer of a refusal, as it does for the
    routes that go through the framework.
    """

    def __init__(self, app: ASGIApp, router: APIRouter, on_error: OnError) -> None:
        self._app = app
        self._on_error = on_error
        self._routes = {
            (method, route.path): route
            for route in router.routes
            if isinstance(route, APIRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one of the routes, pass on any other."""
        route = None
        if scope["type"] == "http":
            route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await self._app(scope, receive, send)
            return
        # The name under which the request is measured.
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, get_state(request))
        except (ServiceError, DecodeError) as error:
            response = await self._on_error(request, error)
        await response(scope, receive, send)
