"""Trackers: which device sits in which truck, and what the GPS service knows of it."""

import re

from odoo import _, api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..compat import sql_constraints

_DEVICE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@sql_constraints(
    name_unique=(
        "UNIQUE (name)",
        "This device ID is registered already. Look for it among the archived "
        "trackers, too, and move that one to its new vehicle.",
    ),
)
class TmsTracker(models.Model):
    """A device that reports where its vehicle is.

    Every change that the GPS service must learn raises ``version``; until
    ``published_version`` has caught up the tracker waits for the publishing cron
    (``tracker_publishing``).
    """

    _name = "tms.tracker"
    _inherit = "tms.gps.publisher"
    _description = "Tracker"
    _order = "name"

    name = fields.Char(
        string="Device ID",
        required=True,
        copy=False,
        help="The IMEI of the device, or the id that the phone app shows.",
    )
    vehicle_id = fields.Many2one(
        "fleet.vehicle", required=True, ondelete="restrict", index=True, copy=False
    )
    company_id = fields.Many2one(related="vehicle_id.company_id", store=True)
    active = fields.Boolean(default=True, copy=False)
    version = fields.Integer(default=1, readonly=True, copy=False)
    published_version = fields.Integer(readonly=True, copy=False)
    published_at = fields.Datetime(string="Published", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    pending = fields.Boolean(compute="_compute_pending", store=True, index=True)
    publication = fields.Selection(
        [
            ("pending", "Waiting"),
            ("error", "Failed, will be retried"),
            ("published", "Published"),
        ],
        compute="_compute_publication",
    )

    @api.depends("version", "published_version")
    def _compute_pending(self):
        for tracker in self:
            tracker.pending = tracker.version != tracker.published_version

    @api.depends("pending", "last_error")
    def _compute_publication(self):
        for tracker in self:
            if not tracker.pending:
                tracker.publication = "published"
            else:
                tracker.publication = "error" if tracker.last_error else "pending"

    @api.constrains("name")
    def _check_name(self):
        for tracker in self:
            if not _DEVICE_ID.fullmatch(tracker.name):
                raise ValidationError(
                    _(
                        "“%s” is not a device ID: use 1 to 64 letters, digits, dots, "
                        "underscores, colons or hyphens, without spaces.",
                        tracker.name,
                    )
                )

    @api.constrains("vehicle_id")
    def _check_vehicle(self):
        for tracker in self:
            if not tracker.vehicle_id.license_plate:
                raise ValidationError(
                    _("A vehicle with a tracker needs its truck number.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        trackers = super().create(
            [dict(vals, name=(vals.get("name") or "").strip()) for vals in vals_list]
        )
        trackers._trigger_publishing()
        return trackers

    def write(self, vals):
        if vals.get("name"):
            vals = dict(vals, name=vals["name"].strip())
            if any(t.published_version and t.name != vals["name"] for t in self):
                raise UserError(
                    _(
                        "The GPS service knows this tracker by its device ID. Archive "
                        "it and register the other device as a new tracker."
                    )
                )
        changed = self.filtered(lambda tracker: tracker._differs(vals))
        result = super().write(vals)
        changed._raise_version()
        return result

    def _differs(self, vals):
        """Whether writing ``vals`` changes what the GPS service must know."""
        return (
            ("name" in vals and vals["name"] != self.name)
            or ("vehicle_id" in vals and vals["vehicle_id"] != self.vehicle_id.id)
            or ("active" in vals and bool(vals["active"]) != self.active)
        )

    def _raise_version(self):
        for tracker in self:
            tracker.version += 1
        self._trigger_publishing()

    def _trigger_publishing(self):
        if self:
            self._publish_at(fields.Datetime.now())

    @api.model
    def _publish_at(self, when):
        cron = self.env.ref("tms_management.cron_publish_trackers", False)
        if cron:
            cron.sudo()._trigger(when)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_published(self):
        for tracker in self:
            if tracker.published_version:
                raise UserError(
                    _(
                        "The GPS service knows the tracker %s. Archive it: its "
                        "positions are then refused, and its history stays.",
                        tracker.name,
                    )
                )

    def action_publish_now(self):
        """Try the publication of these trackers again, at once."""
        self.check_access("write")
        self._trigger_publishing()


class FleetVehicle(models.Model):
    _inherit = "fleet.vehicle"

    tms_tracker_ids = fields.One2many("tms.tracker", "vehicle_id", string="Trackers")
    tms_position_ids = fields.One2many(
        "tms.vehicle.position", "vehicle_id", string="Last position", readonly=True
    )

    def write(self, vals):
        if {"license_plate", "active"}.isdisjoint(vals):
            return super().write(vals)
        before = {vehicle: vehicle._tracker_identity() for vehicle in self}
        result = super().write(vals)
        changed = [v.id for v in self if v._tracker_identity() != before[v]]
        # Whoever may correct a truck number need not know about trackers.
        trackers = self.env["tms.tracker"].sudo().with_context(active_test=False)
        trackers = trackers.search([("vehicle_id", "in", changed)])
        # Without a number to publish, the service would go on with the old one.
        trackers._check_vehicle()
        trackers._raise_version()
        return result

    def _tracker_identity(self):
        """What the GPS service knows of this vehicle."""
        return self.license_plate, self.active
