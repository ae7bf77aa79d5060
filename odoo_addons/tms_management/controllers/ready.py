"""Whether this process can serve requests; asked by the cluster every few seconds."""

from odoo.http import Controller, request, route

MODULE = "tms_management"


def dotted(version):
    """``"18.0.1.0.0"`` as a tuple that compares; nothing at all comes first."""
    return tuple(int(part) for part in (version or "").split(".") if part.isdigit())


class ReadyController(Controller):
    @route(
        "/tms/ready",
        type="http",
        auth="none",
        methods=["GET"],
        csrf=False,
        save_session=False,
    )
    def ready(self, **_ignored):
        """Answer 200 where the database has this code's schema or a newer one.

        That the route exists at all says that the registry of models is loaded: without
        one, Odoo knows no route of this addon and answers 404.
        """
        module = request.env["ir.module.module"].sudo().search([("name", "=", MODULE)])
        # Odoo's names are the wrong way round: "latest" is what the database has.
        database, code = module.latest_version, module.installed_version
        ready = module.state == "installed" and dotted(database) >= dotted(code)
        return request.make_json_response(
            {"ready": ready, "database": database or None, "code": code or None},
            status=200 if ready else 503,
        )
