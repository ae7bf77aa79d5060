"""Events of the GPS service: each kept once, at its newest revision, on its trip."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import BaseCase, HttpCase, TransactionCase, tagged
from odoo.tools import mute_logger

from ..models.gps_batch import InvalidRow
from ..models.gps_event import RETENTION
from ..models.gps_event_batch import parse_event, uuid_of
from .common import TmsCase
from .gps_common import (
    SECRET,
    GpsFactory,
    batch,
    event,
    gps_settings,
    signed_headers,
    utc,
)

ROUTE = "/tms/gps/v1/events"
LOGGER = "odoo.addons.tms_management.controllers.gps"


class TestGpsEventRow(BaseCase):
    def test_what_an_event_says_beyond_time_and_place_is_for_people(self):
        speeding = event(kind="speeding", data={"limit_kmh": 80, "fastest_kmh": 97.2})
        self.assertEqual(parse_event(speeding).detail, "limit kmh 80, fastest kmh 97.2")
        self.assertEqual(parse_event(event(data={"dwelled": False})).detail, "")

    def test_an_event_that_lasts_has_no_end(self):
        self.assertIsNone(parse_event(event(ended_at=None)).ended_at)

    def test_rows_that_are_no_event(self):
        wrong = {
            "uuid": [None, 7, "seven"],
            "revision": [None, 0, 1.5, True, 2**31],
            "retracted": [None, "no", 0],
            "kind": [None, "landing", 7],
            "subject": [None, "x" * 201, "a\x00b"],
            "vehicle_identifier": [None, "--"],
            "device_id": [None, "x" * 65],
            "started_at": [None, "yesterday", "2026-11-23T10:00:00"],
            "ended_at": ["never", utc(5000)],
            "latitude": [None, 91, float("nan")],
            "longitude": ["73", -181],
            "data": [None, []],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value):
                    with self.assertRaises(InvalidRow) as refused:
                        parse_event(event(**{name: value}))
                    self.assertIn(name, str(refused.exception))
        for row in ("nonsense", None, []):
            self.assertRaises(InvalidRow, parse_event, row)
            self.assertIsNone(uuid_of(row))


class EventFactory(GpsFactory):
    """Applies events past the signature."""

    def apply_events(self, *rows):
        results = self.env["tms.gps.event"]._apply_batch(rows)
        return [result["status"] for result in results]

    def events(self, **domain):
        return (
            self.env["tms.gps.event"]
            .with_context(active_test=False)
            .search([(name, "=", value) for name, value in domain.items()])
        )


@tagged("post_install", "-at_install")
class TestGpsEvents(EventFactory, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.vehicle = cls.make_vehicle()
        cls.plate = cls.vehicle.license_plate

    def test_an_event_is_stored_with_its_vehicle(self):
        row = event(self.plate, kind="geofence", subject="depot")
        self.assertEqual(self.apply_events(row), ["stored"])
        stored = self.events(uuid=row["uuid"])
        self.assertEqual((stored.vehicle_id, stored.subject), (self.vehicle, "depot"))
        self.assertEqual(stored.ended_at - stored.started_at, timedelta(minutes=10))
        self.assertFalse(stored.trip_id)

    def test_the_same_revision_again_is_stale(self):
        row = event(self.plate)
        self.assertEqual(self.apply_events(row), ["stored"])
        self.assertEqual(self.apply_events(row), ["stale"])
        self.assertEqual(len(self.events(uuid=row["uuid"])), 1)

    def test_a_higher_revision_replaces_a_lower_one(self):
        row = event(self.plate, ended_at=None)
        self.apply_events(row)
        stored = self.events(uuid=row["uuid"])
        self.assertFalse(stored.ended_at)
        later = dict(row, revision=3, ended_at=utc(60))
        self.assertEqual(self.apply_events(later), ["stored"])
        self.assertEqual(self.events(uuid=row["uuid"]), stored)
        self.assertTrue(stored.ended_at)
        self.assertEqual(self.apply_events(dict(row, revision=2)), ["stale"])
        self.assertEqual(stored.revision, 3)

    def test_of_two_revisions_in_a_batch_the_higher_one_is_stored(self):
        row = event(self.plate)
        rows = [dict(row, revision=revision) for revision in (1, 3, 2)]
        self.assertEqual(self.apply_events(*rows), ["stale", "stored", "stale"])

    def test_a_retracted_event_is_archived(self):
        row = event(self.plate)
        self.apply_events(row, dict(row, revision=2, retracted=True))
        self.assertFalse(self.events(uuid=row["uuid"]).active)
        self.assertFalse(self.env["tms.gps.event"].search([("uuid", "=", row["uuid"])]))

    def test_bad_rows_do_not_cost_good_ones(self):
        bad = event(self.plate, kind="landing")
        rows = [bad, event("ZZ99XX0000"), event(self.plate), "nonsense"]
        results = self.env["tms.gps.event"]._apply_batch(rows)
        self.assertEqual(
            [result["status"] for result in results],
            ["invalid", "unknown_vehicle", "stored", "invalid"],
        )
        self.assertEqual(results[0]["uuid"], bad["uuid"])
        self.assertIn("kind: must be one of", results[0]["reason"])

    def test_an_empty_batch_is_no_mistake(self):
        self.assertEqual(self.apply_events(), [])

    def test_events_that_ended_long_ago_are_let_go(self):
        now = fields.Datetime.now()
        lasting = event(self.plate, started_at=utc(RETENTION.total_seconds() + 9999))
        rows = [event(self.plate), dict(lasting, ended_at=None)]
        old = utc(RETENTION.total_seconds() + 60)
        rows.append(event(self.plate, started_at=old, ended_at=old))
        self.apply_events(*rows)
        self.env["tms.gps.event"]._gc_events()
        left = self.events(vehicle_id=self.vehicle.id)
        self.assertEqual(set(left.mapped("uuid")), {row["uuid"] for row in rows[:2]})
        self.assertLess(min(left.mapped("started_at")), now - RETENTION)


@tagged("post_install", "-at_install")
class TestGpsEventsOfTrips(EventFactory, TmsCase):
    def test_an_event_belongs_to_the_trip_that_the_truck_was_on(self):
        trip = self.make_trip("in_transit")
        plate = trip.vehicle_id.license_plate
        begin = trip.started_at
        before, during = event(plate), event(plate, kind="speeding")
        before["started_at"] = (begin - timedelta(hours=1)).isoformat() + "Z"
        during["started_at"] = begin.isoformat() + "Z"
        during["ended_at"] = None
        self.assertEqual(self.apply_events(before, during), ["stored"] * 2)
        self.assertEqual(trip.gps_event_ids.mapped("uuid"), [during["uuid"]])

    def test_what_a_truck_does_after_the_delivery_is_not_of_the_trip(self):
        trip = self.make_trip("delivered")
        row = event(trip.vehicle_id.license_plate, ended_at=None)
        after = trip.delivered_at + timedelta(minutes=5)
        self.apply_events(dict(row, started_at=after.isoformat() + "Z"))
        self.assertFalse(trip.gps_event_ids)
        self.assertTrue(self.events(uuid=row["uuid"]))

    def test_offices_read_events_drivers_do_not_and_nobody_writes(self):
        trip = self.make_trip("in_transit")
        row = event(trip.vehicle_id.license_plate)
        self.apply_events(row)
        stored = self.events(uuid=row["uuid"])
        for role in ("admin", "dispatcher", "finance"):
            mine = stored.with_user(self.make_user(role))
            self.assertEqual(mine.kind, "stop")
            with self.assertRaises(AccessError), self.cr.savepoint():
                mine.write({"kind": "silence"})
        self.env.invalidate_all()
        with self.assertRaises(AccessError), self.cr.savepoint():
            stored.with_user(self.make_user("driver")).read(["kind"])


@tagged("post_install", "-at_install")
class TestGpsEventEndpoint(EventFactory, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.vehicle = cls.make_vehicle()

    def call(self, body, headers=None):
        with gps_settings(TMS_GPS_HMAC_SECRET=SECRET):
            return self.url_open(
                ROUTE, data=body, headers=headers or signed_headers(body)
            )

    def test_a_signed_batch_is_applied_and_answered_row_by_row(self):
        row = event(self.vehicle.license_plate)
        answer = self.call(batch(row, event("ZZ99XX0000"), content="events"))
        self.assertEqual(answer.status_code, 200)
        results = answer.json()["results"]
        self.assertEqual(
            [result["status"] for result in results], ["stored", "unknown_vehicle"]
        )
        self.assertEqual(results[0]["uuid"], row["uuid"])
        self.assertTrue(self.events(uuid=row["uuid"]))

    @mute_logger(LOGGER)
    def test_calls_are_refused_as_those_with_positions_are(self):
        row = event(self.vehicle.license_plate)
        body = batch(row, content="events")
        forged = signed_headers(body, secret="somebody else's")
        many = batch(*[row] * 501, content="events")
        cases = [
            (self.call(body, forged), 401, "bad_signature"),
            (self.call(many), 413, "too_many_events"),
            (self.call(batch(row)), 400, "invalid_body"),
        ]
        for answer, status, code in cases:
            with self.subTest(code):
                self.assertEqual(answer.status_code, status)
                self.assertEqual(answer.json()["error"]["code"], code)
        self.assertFalse(self.events(uuid=row["uuid"]))

    @mute_logger(LOGGER)
    def test_a_replay_is_told_so(self):
        body = batch(event("ZZ99XX0000"), content="events")
        headers = signed_headers(body)
        self.assertEqual(self.call(body, headers).status_code, 200)
        self.assertEqual(self.call(body, headers).json()["error"]["code"], "replayed")
