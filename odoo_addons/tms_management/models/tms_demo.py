"""Demo data that plain files cannot hold: users, papers dated from today, and trips.

Trips reach their state by the real transitions, so demo data proves them each time.
"""

import base64
import io
from datetime import timedelta

from PIL import Image, ImageDraw

from odoo import api, fields, models

from ..compat import user_groups_field
from .tms_trip import _TOKEN_KEY, _TRANSITION_TOKEN

_MODULE = "tms_management"
_USERS = (
    # login, name, role; the driver's user is the first driver
    ("dispatcher", "Meera Kulkarni", "dispatcher"),
    ("finance", "Arjun Nair", "finance"),
    ("driver", "Ramesh Patil", "driver"),
)
# How many trips end in which state, and how long ago the latest of them started.
_PLAN = (
    ("completed", 9, timedelta(days=4)),
    ("delivered", 4, timedelta(days=2)),
    ("cancelled", 4, timedelta(days=3)),
    ("planned", 7, timedelta(days=-2)),
    ("in_transit", 10, timedelta(hours=1)),
    ("assigned", 4, timedelta(hours=-3)),
    ("on_hold", 2, timedelta(hours=5)),
)
_CARGO = (
    # customer, material, revenue per km
    ("deccan", "parts", 42),
    ("konkan", "food", 38),
    ("aravalli", "tiles", 45),
    ("coromandel", "textile", 36),
    ("hooghly", "steel", 52),
    ("malwa", "soya", 34),
    ("cauvery", "drinks", 40),
    ("sabarmati", "appliances", 47),
)
_ROUTES = (
    "mumbai_pune",
    "delhi_jaipur",
    "chennai_bengaluru",
    "bengaluru_hyderabad",
    "mumbai_ahmedabad",
    "ahmedabad_jaipur",
    "nagpur_hyderabad",
    "kolkata_bhubaneswar",
    "pune_bengaluru",
    "surat_mumbai",
    "indore_nagpur",
    "delhi_kolkata",
)
_RECIPIENTS = ("S. Banerjee", "Lakshmi Iyer", "Farhan Ali", "Pooja Sharma")
_VEHICLES = 23  # of 25; the other two are in maintenance
_DRIVERS = 20


class TmsDemo(models.AbstractModel):
    _name = "tms.demo"
    _description = "Transport Demo Data"

    @api.model
    def _load(self):
        """Create users, papers and 40 trips for the demo fleet of the files before."""
        self._load_users()
        self._load_licences()
        self._load_documents()
        self._load_trips()

    def _ref(self, name):
        return self.env.ref(f"{_MODULE}.demo_{name}")

    def _load_users(self):
        """One user for each role, with no password until somebody sets one."""
        groups = user_groups_field(self.env)
        partner = self._ref("driver_01").work_contact_id
        records = []
        for login, name, role in _USERS:
            group = self.env.ref(f"{_MODULE}.group_tms_{role}")
            values = {
                "login": login,
                "name": name,
                "email": f"{login}@example.com",
                "tz": "Asia/Kolkata",
                groups: [(6, 0, group.ids)],
            }
            if role == "driver":
                values["partner_id"] = partner.id
            records.append(
                {
                    "xml_id": f"{_MODULE}.demo_user_{login}",
                    "values": values,
                    "noupdate": True,
                }
            )
        users = self.env["res.users"].with_context(no_reset_password=True)
        users._load_records(records)

    def _load_licences(self):
        today = fields.Date.today()
        for number in range(1, _DRIVERS + 1):
            self._ref(f"driver_{number:02d}").tms_licence_expiry = today + timedelta(
                days=40 + 67 * number
            )

    def _load_documents(self):
        today = fields.Date.today()
        values = []
        for number in range(1, 26):
            vehicle = self._ref(f"vehicle_{number:02d}")
            for step, kind in enumerate(
                ("registration", "insurance", "fitness", "permit", "emission")
            ):
                days = 20 + (number * 37 + step * 101) % 700
                # A truck in the workshop whose insurance has run out, and papers of
                # others that soon will: what alerts are for.
                if (number, kind) == (25, "insurance"):
                    days = -9
                values.append(
                    {
                        "name": f"{kind[:3].upper()}-{number:02d}{step}{days:03d}",
                        "type_id": self.env.ref(f"{_MODULE}.document_type_{kind}").id,
                        "vehicle_id": vehicle.id,
                        "issue_date": today + timedelta(days=days - 730),
                        "expiry_date": today + timedelta(days=days),
                    }
                )
        self.env["tms.document"].create(values)

    def _load_trips(self):
        number = crew = 0
        for state, amount, ago in _PLAN:
            for index in range(amount):
                number += 1
                back = ago + timedelta(hours=7 * index)
                if state in ("in_transit", "on_hold"):
                    back = ago + timedelta(minutes=25 * index)
                trip = self._make_trip(number, fields.Datetime.now() - back)
                if state != "cancelled" and (state != "planned" or index % 2):
                    self._set_crew(trip, crew)
                    crew += 1
                self._advance(trip, state, number)
            if state == "planned":
                # From here on trips stay open: one for each vehicle and driver.
                crew = 0

    def _make_trip(self, number, start):
        route = self._ref(f"route_{_ROUTES[number % len(_ROUTES)]}")
        customer, material, rate = _CARGO[number % len(_CARGO)]
        start = start.replace(second=0, microsecond=0)
        return self.env["tms.trip"]._load_records(
            [
                {
                    "xml_id": f"{_MODULE}.demo_trip_{number:02d}",
                    "noupdate": True,
                    "values": {
                        "route_id": route.id,
                        "planned_start": start,
                        "consignment_ids": [
                            (
                                0,
                                0,
                                {
                                    "reference": f"LR-{7100 + number}",
                                    "customer_id": self._ref(f"customer_{customer}").id,
                                    "material_id": self._ref(f"material_{material}").id,
                                    "weight_kg": 1400 + number * 20,
                                    "revenue": rate * route.distance_km,
                                },
                            )
                        ],
                    },
                }
            ]
        )

    def _set_crew(self, trip, crew):
        vehicle = self._ref(f"vehicle_{crew % _VEHICLES + 1:02d}")
        driver = self._ref(f"driver_{crew % _DRIVERS + 1:02d}")
        vehicle.driver_id = vehicle.driver_id or driver.work_contact_id
        trip.write({"vehicle_id": vehicle.id, "driver_id": driver.id})
        load = round(vehicle.capacity_kg * (0.6 + crew % 4 / 10), -1)
        trip.consignment_ids.weight_kg = load

    def _advance(self, trip, state, number):
        start = trip.planned_start
        end = trip.planned_end
        if state == "cancelled":
            trip.action_cancel("The customer moved the order to next month")
            self._backdate(trip, cancelled_at=start)
            return
        if state == "planned":
            return
        trip.action_assign()
        self._backdate(trip, assigned_at=min(start, fields.Datetime.now()))
        if state == "assigned":
            return
        trip.action_start()
        self._backdate(trip, started_at=start)
        if state == "in_transit":
            return
        if state == "on_hold":
            kinds = (
                ("repair", "Rear tyre burst, waiting for the mechanic"),
                ("government_stoppage", "Permit check at the state border"),
            )
            trip.action_log_event(*kinds[number % 2])
            return
        recipient = _RECIPIENTS[number % len(_RECIPIENTS)]
        trip.action_submit_pod(recipient, self._signature(number), "signature.png")
        self._backdate(trip, delivered_at=end)
        if state == "completed":
            trip.action_complete()
            self._backdate(trip, completed_at=end + timedelta(hours=2))

    def _backdate(self, trip, **stamps):
        trip.with_context(**{_TOKEN_KEY: _TRANSITION_TOKEN}).write(stamps)

    def _signature(self, number):
        """Draw a scrawl that differs from trip to trip."""
        image = Image.new("RGB", (320, 120), "white")
        points = [(20 + 14 * i, 60 + (i * number * 17) % 70 - 35) for i in range(20)]
        ImageDraw.Draw(image).line(points, fill="navy", width=3)
        stream = io.BytesIO()
        image.save(stream, "PNG")
        return base64.b64encode(stream.getvalue())
