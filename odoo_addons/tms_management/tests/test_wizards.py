"""The dialogs that ask what a change of state needs."""

from odoo.tests import Form, tagged

from .common import TmsCase, evidence


@tagged("post_install", "-at_install")
class TestWizards(TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dispatcher = cls.make_user("dispatcher")

    def wizard(self, model, trip, **defaults):
        context = {f"default_{name}": value for name, value in defaults.items()}
        return Form(
            self.env[model]
            .with_user(self.dispatcher)
            .with_context(default_trip_id=trip.id, **context)
        )

    def test_cancel_dialog_cancels_with_its_reason(self):
        trip = self.make_trip("assigned")
        form = self.wizard("tms.trip.reason.wizard", trip, action="cancel")
        form.reason = "Order withdrawn"
        form.save().action_confirm()
        self.assertEqual(trip.state, "cancelled")
        self.assertEqual(trip.cancel_reason, "Order withdrawn")

    def test_resume_dialog_resumes_with_its_comment(self):
        trip = self.make_trip("on_hold")
        form = self.wizard("tms.trip.reason.wizard", trip, action="resume")
        form.reason = "Repaired"
        form.save().action_confirm()
        self.assertEqual(trip.state, "in_transit")

    def test_event_dialog_warns_before_it_puts_on_hold(self):
        trip = self.make_trip("in_transit")
        form = self.wizard("tms.trip.event.wizard", trip)
        form.event_type = "delay"
        self.assertFalse(form.holds_trip)
        form.event_type = "accident"
        self.assertTrue(form.holds_trip)
        form.description = "Side mirror"
        form.save().action_confirm()
        self.assertEqual(trip.state, "on_hold")

    def test_delivery_dialog_takes_a_photo(self):
        trip = self.make_trip("in_transit")
        form = self.wizard("tms.pod.wizard", trip)
        form.recipient_name = "Asha Rao"
        form.evidence = evidence().decode()
        form.save().action_confirm()
        self.assertEqual(trip.state, "delivered")
        self.assertEqual(trip.pod_ids.kind, "photo")

    def test_delivery_dialog_takes_a_signature(self):
        trip = self.make_trip("in_transit")
        form = self.wizard("tms.pod.wizard", trip, kind="signature")
        form.recipient_name = "Asha Rao"
        form.signature = evidence().decode()
        form.save().action_confirm()
        self.assertEqual(trip.pod_ids.kind, "signature")
        self.assertEqual(trip.pod_ids.filename, "signature.png")
