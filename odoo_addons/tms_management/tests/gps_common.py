"""What the tests of the link to the GPS service share."""

import json
import os
import time
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

from odoo import fields

from ..models.gps_signature import sign
from .common import TmsFactory

SECRET = "a-key-of-the-tests"
SETTINGS = (
    "TMS_GPS_URL",
    "TMS_GPS_HMAC_SECRET",
    "TMS_GPS_HMAC_SECRET_PREVIOUS",
    "TMS_GPS_ADMIN_TOKEN",
)


def gps_settings(**settings):
    """Replace every setting of the link by ``settings`` while the patch lasts."""
    cleared = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTINGS and name.removesuffix("_FILE") not in SETTINGS
    }
    return patch.dict(os.environ, {**cleared, **settings}, clear=True)


def utc(seconds_ago=0):
    """Return a time on the wire."""
    at = fields.Datetime.now() - timedelta(seconds=seconds_ago)
    return at.isoformat() + "Z"


def position(vehicle="ZZ99TT0001", **values):
    """Return one row of a batch."""
    row = {
        "vehicle_identifier": vehicle,
        "device_id": "test-device",
        "fix_time": utc(10),
        "latitude": 18.52,
        "longitude": 73.85,
        "speed_kmh": 54.0,
        "course": 120.0,
        "accuracy_m": 8.0,
        "altitude_m": 560.0,
        "received_at": utc(9),
    }
    return {**row, **values}


def event(vehicle="ZZ99TT0001", **values):
    """Return one row of a batch of events: a stop that lasted ten minutes."""
    row = {
        "uuid": str(uuid4()),
        "revision": 1,
        "retracted": False,
        "kind": "stop",
        "subject": "",
        "vehicle_identifier": vehicle,
        "device_id": "test-device",
        "started_at": utc(900),
        "ended_at": utc(300),
        "latitude": 18.52,
        "longitude": 73.85,
        "data": {},
    }
    return {**row, **values}


def arrival(trip, hours, **values):
    """Return the event that says that ``trip`` arrives in so many hours."""
    at = fields.Datetime.now() + timedelta(hours=hours)
    return event(
        trip.vehicle_id.license_plate,
        kind="trip",
        subject=trip.name,
        ended_at=None,
        data={"eta": f"{at.isoformat()}Z", "remaining_km": 88.4, "progress": 0.411},
        **values,
    )


def batch(*rows, content="positions"):
    """Return the body of a call."""
    return json.dumps({"batch_id": str(uuid4()), content: rows}).encode()


def signed_headers(body, secret=SECRET, seconds_ago=0):
    """Return the headers of a call that was signed ``seconds_ago``."""
    timestamp = str(int(time.time()) - seconds_ago)
    return {
        "Content-Type": "application/json",
        "X-TMS-Timestamp": timestamp,
        "X-TMS-Signature": sign(secret.encode(), timestamp, body),
    }


class GpsFactory(TmsFactory):
    """Makes trackers and positions, too."""

    @classmethod
    def make_tracker(cls, vehicle=None, **values):
        vehicle = vehicle or cls.make_vehicle()
        defaults = {"name": f"test-{next(cls._numbers)}", "vehicle_id": vehicle.id}
        return cls.env["tms.tracker"].create(dict(defaults, **values))

    @classmethod
    def apply(cls, *positions):
        """Apply rows past the signature; return the statuses."""
        results = cls.env["tms.vehicle.position"]._apply_batch(positions)
        return [result["status"] for result in results]

    @classmethod
    def last_position(cls, vehicle):
        return cls.env["tms.vehicle.position"].search([("vehicle_id", "=", vehicle.id)])
