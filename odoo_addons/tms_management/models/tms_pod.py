"""Proof of delivery: who took the goods, and the picture that shows it."""

import base64
import binascii
import io

from PIL import Image

from odoo import _, api, fields, models
from odoo.exceptions import UserError

from ..compat import sql_constraints

MAX_EVIDENCE_BYTES = 5 * 1024 * 1024
# A small file can unpack into a huge picture; phones stay far below this.
MAX_PIXELS = 60_000_000
KINDS = [("photo", "Photo"), ("signature", "Signature"), ("document", "Document")]
_PDF_MAGIC = b"%PDF-"
_MIMETYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}


def evidence_mimetype(content):
    """Return the type of ``content`` by what it is, whatever its name says.

    :param bytes content: a whole file
    :return: ``"image/jpeg"``, ``"image/png"``, ``"application/pdf"``, or ``None`` for
        anything else and for a picture that cannot be shown or has more than 60
        megapixels
    """
    if content.startswith(_PDF_MAGIC) and b"%%EOF" in content[-1024:]:
        return "application/pdf"
    try:
        with Image.open(io.BytesIO(content), formats=list(_MIMETYPES)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            picture.load()
            return _MIMETYPES[picture.format]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


@sql_constraints(
    one_per_trip=("UNIQUE (trip_id)", "This trip has its proof of delivery already.")
)
class TmsPod(models.Model):
    _name = "tms.pod"
    _description = "Proof of Delivery"
    _order = "id desc"
    _rec_name = "recipient_name"

    trip_id = fields.Many2one(
        "tms.trip", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="trip_id.company_id", store=True)
    recipient_name = fields.Char(required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    evidence = fields.Binary(required=True, readonly=True, attachment=True)
    filename = fields.Char(readonly=True)
    mimetype = fields.Char(readonly=True)
    received_at = fields.Datetime(
        readonly=True, required=True, help="The server's time of receipt."
    )
    submitted_by_id = fields.Many2one("res.users", readonly=True)
    verified_by_id = fields.Many2one("res.users", readonly=True)
    verified_at = fields.Datetime(readonly=True)

    @api.model
    def _submit(self, trip, recipient_name, evidence, filename, kind):
        """Check and keep the evidence of a delivery.

        :param evidence: the file in base64, text or bytes
        :param kind: one of :data:`KINDS`, or ``None`` to tell it by the file
        :raises UserError: when the name is missing, or the file is missing, too large,
            no JPG, PNG or PDF by its content, or a PDF where a picture was said
        """
        recipient_name = (recipient_name or "").strip()
        if not recipient_name:
            raise UserError(_("Enter the name of the person who took the goods."))
        if kind and kind not in dict(KINDS):
            raise UserError(_("Choose a photo, a signature or a document."))
        content = self._decode(evidence)
        mimetype = evidence_mimetype(content)
        if not mimetype:
            raise UserError(
                _(
                    "The proof of delivery must be a JPG or PNG picture or a PDF; this "
                    "file is none of them or is damaged. Take the photo again."
                )
            )
        is_picture = mimetype != "application/pdf"
        if kind in ("photo", "signature") and not is_picture:
            raise UserError(
                _(
                    "A PDF is neither a photo nor a signature: choose Document, or "
                    "add a JPG or PNG picture."
                )
            )
        return self.create(
            {
                "trip_id": trip.id,
                "recipient_name": recipient_name,
                "kind": kind or ("photo" if is_picture else "document"),
                "evidence": base64.b64encode(content),
                "filename": filename or _("proof of delivery"),
                "mimetype": mimetype,
                "received_at": fields.Datetime.now(),
                "submitted_by_id": self.env.user.id,
            }
        )

    @api.model
    def _decode(self, evidence):
        if not evidence:
            raise UserError(_("Add a photo or a signature as proof of delivery."))
        # Four characters carry three bytes: refuse before decoding what is too large.
        if len(evidence) > MAX_EVIDENCE_BYTES * 4 // 3 + 4:
            raise UserError(self._too_large())
        try:
            content = base64.b64decode(evidence, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UserError(
                _("The proof of delivery arrived damaged. Send it again.")
            ) from error
        if len(content) > MAX_EVIDENCE_BYTES:
            raise UserError(self._too_large())
        return content

    @api.model
    def _too_large(self):
        return _(
            "The proof of delivery is larger than %s MB. Take the photo with a lower "
            "resolution.",
            MAX_EVIDENCE_BYTES // 1024**2,
        )

    def _mark_verified(self, user):
        self.write({"verified_by_id": user.id, "verified_at": fields.Datetime.now()})
