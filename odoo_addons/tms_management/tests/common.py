"""What the tests of transport share: a small company with trucks, drivers and trips."""

import base64
import contextlib
import io
from datetime import timedelta
from itertools import count

from PIL import Image

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user

from ..models.trip_transitions import OPEN_STATES

# The states a trip passes through on its way to each state.
PATHS = {
    "planned": (),
    "assigned": ("assigned",),
    "in_transit": ("assigned", "in_transit"),
    "on_hold": ("assigned", "in_transit", "on_hold"),
    "delivered": ("assigned", "in_transit", "delivered"),
    "completed": ("assigned", "in_transit", "delivered", "completed"),
    "invoiced": ("assigned", "in_transit", "delivered", "completed", "invoiced"),
    "paid": ("assigned", "in_transit", "delivered", "completed", "invoiced", "paid"),
    "cancelled": ("cancelled",),
}


def picture(image_format="JPEG", size=(8, 8)):
    """Return a real picture as bytes."""
    stream = io.BytesIO()
    Image.new("RGB", size, "white").save(stream, image_format)
    return stream.getvalue()


def evidence(content=None):
    """Return ``content`` (a small photo unless told otherwise) in base64."""
    return base64.b64encode(picture() if content is None else content)


class TmsFactory:
    """Makes vehicles, drivers and trips; mixed into Odoo's own test classes."""

    @classmethod
    def set_up_transport(cls):
        """Create what every test needs: places, a route, a customer, a material."""
        # Plates of the tests are of no real series, so that demo data never clashes.
        cls._numbers = count(1000)
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=True))
        Partner = cls.env["res.partner"]
        cls.mumbai = Partner.create(
            {
                "name": "Test Mumbai",
                "partner_latitude": 19.076,
                "partner_longitude": 72.8777,
            }
        )
        cls.pune = Partner.create(
            {
                "name": "Test Pune",
                "partner_latitude": 18.5204,
                "partner_longitude": 73.8567,
            }
        )
        cls.route = cls.env["tms.route"].create(
            {
                "source_id": cls.mumbai.id,
                "destination_id": cls.pune.id,
                "distance_km": 150,
                "transit_time_h": 5,
            }
        )
        cls.customer = Partner.create({"name": "Test Customer"})
        cls.material = cls.env["tms.material"].create(
            {"name": "Test Glass", "handling_notes": "Keep upright"}
        )
        brand = cls.env["fleet.vehicle.model.brand"].create({"name": "Test Make"})
        cls.vehicle_model = cls.env["fleet.vehicle.model"].create(
            {"name": "Hauler", "brand_id": brand.id}
        )

    @classmethod
    def make_user(cls, role):
        """Return a new user who has the one group of ``role``."""
        return new_test_user(
            cls.env,
            login=f"test_{role}_{next(cls._numbers)}",
            groups=f"tms_management.group_tms_{role}",
        )

    @classmethod
    def make_vehicle(cls, **values):
        defaults = {
            "license_plate": f"ZZ99TT{next(cls._numbers)}",
            "model_id": cls.vehicle_model.id,
            "capacity_kg": 10000,
        }
        return cls.env["fleet.vehicle"].create(dict(defaults, **values))

    @classmethod
    def make_driver(cls, user=None, **values):
        """Return a new driver; ``user`` is the portal user who is that driver."""
        number = next(cls._numbers)
        defaults = {
            "name": user.name if user else f"Test Driver {number}",
            "is_tms_driver": True,
            "tms_licence_number": f"ZZ99{number}",
            "tms_licence_class": "HMV",
            "tms_licence_expiry": fields.Date.today() + timedelta(days=365),
        }
        if user:
            defaults["work_contact_id"] = user.partner_id.id
        return cls.env["hr.employee"].create(dict(defaults, **values))

    @classmethod
    def make_trip(cls, state="planned", **values):
        """Return a new trip brought to ``state`` by the real transitions."""
        defaults = {
            "route_id": cls.route.id,
            "consignment_ids": [
                (
                    0,
                    0,
                    {
                        "customer_id": cls.customer.id,
                        "material_id": cls.material.id,
                        "weight_kg": 5000,
                        "revenue": 20000,
                    },
                )
            ],
        }
        if "vehicle_id" not in values:
            defaults["vehicle_id"] = cls.make_vehicle().id
        if "driver_id" not in values:
            defaults["driver_id"] = cls.make_driver().id
        trip = cls.env["tms.trip"].create(dict(defaults, **values))
        for target in PATHS[state]:
            cls.advance(trip, target)
        return trip

    @contextlib.contextmanager
    def refused(self, reason, error=UserError):
        """Expect ``error`` with a text that matches ``reason``, and roll back.

        ``assertRaisesRegex`` rolls nothing back, which a refused request always does.
        """
        with self.assertRaises(error) as caught:
            yield
        self.assertRegex(str(caught.exception), reason)

    @staticmethod
    def advance(trip, target):
        """Move ``trip`` to ``target`` through the way in that people use."""
        if target == "on_hold":
            trip.action_log_event("accident", "Hit a barrier")
        elif target == "delivered":
            trip.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        elif target == "cancelled":
            trip.action_cancel("Customer withdrew")
        elif target == "in_transit" and trip.state == "on_hold":
            trip.action_resume("Road is clear")
        elif target == "completed" and trip.state != "delivered":
            trip._reopen_from_invoice("Invoice reversed")
        else:
            {
                "assigned": trip.action_assign,
                "in_transit": trip.action_start,
                "completed": trip.action_complete,
                "invoiced": trip._mark_invoiced,
                "paid": trip._mark_paid,
            }[target]()


class TmsCase(TmsFactory, TransactionCase):
    """A TransactionCase with the transport company set up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()

    def open_trips(self, field, record):
        return self.env["tms.trip"].search(
            [(field, "=", record.id), ("state", "in", OPEN_STATES)]
        )
