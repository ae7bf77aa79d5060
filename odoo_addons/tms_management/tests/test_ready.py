"""The cluster sends requests only where they can be served."""

from odoo.tests import BaseCase, HttpCase, tagged

from ..controllers.ready import MODULE, dotted


class TestDotted(BaseCase):
    def test_versions_compare_by_number(self):
        self.assertGreater(dotted("18.0.1.10.0"), dotted("18.0.1.9.0"))

    def test_nothing_comes_first(self):
        self.assertLess(dotted(False), dotted("18.0.1.0.0"))


@tagged("post_install", "-at_install")
class TestReady(HttpCase):
    def setUp(self):
        super().setUp()
        self.module = self.env["ir.module.module"].search([("name", "=", MODULE)])

    def ask(self):
        self.env.flush_all()
        answer = self.url_open("/tms/ready")
        return answer.status_code, answer.json()

    def test_ready_when_the_schema_is_the_codes(self):
        status, body = self.ask()
        self.assertEqual((status, body["ready"]), (200, True))
        self.assertEqual(body["database"], body["code"])

    def test_ready_when_the_schema_is_newer(self):
        self.module.latest_version = "99.0.1.0.0"
        status, _body = self.ask()
        self.assertEqual(status, 200)

    def test_not_ready_before_the_migration(self):
        self.module.latest_version = "1.0.0.0.0"
        status, body = self.ask()
        self.assertEqual((status, body["ready"]), (503, False))

    def test_not_ready_while_the_migration_runs(self):
        self.module.state = "to upgrade"
        status, _body = self.ask()
        self.assertEqual(status, 503)
