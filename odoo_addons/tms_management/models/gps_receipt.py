"""What the GPS service has already delivered, kept as long as a replay could pass."""

import hashlib
from datetime import timedelta

from odoo import api, fields, models

from ..compat import sql_constraints
from .gps_signature import MAX_CLOCK_DIFFERENCE_S

#: A signature is good for the clock difference before and after its timestamp.
RETENTION = timedelta(seconds=2 * MAX_CLOCK_DIFFERENCE_S + 60)


@sql_constraints(
    digest_unique=("UNIQUE (signature_digest)", "This batch was applied before."),
)
class TmsGpsReceipt(models.Model):
    _name = "tms.gps.receipt"
    _description = "Applied GPS batch"
    _log_access = False

    signature_digest = fields.Char(required=True, readonly=True)
    received_at = fields.Datetime(required=True, readonly=True, index=True)

    @api.model
    def _take(self, signature):
        """Note that the call with this signature is being applied.

        It is part of the caller's transaction: a batch that is rolled back may be sent
        again. Of two calls at once, the later one waits for the outcome of the other.

        :return: False if that call was applied before
        """
        digest = hashlib.sha256(signature.encode()).hexdigest()
        self.env.cr.execute(
            "INSERT INTO tms_gps_receipt (signature_digest, received_at)"
            " VALUES (%s, now() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING",
            [digest],
        )
        return bool(self.env.cr.rowcount)

    @api.autovacuum
    def _gc_receipts(self):
        self.env.cr.execute(
            "DELETE FROM tms_gps_receipt WHERE received_at < %s",
            [fields.Datetime.now() - RETENTION],
        )
