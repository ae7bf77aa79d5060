"""Papers of trucks and drivers, with their expiry."""

from odoo import _, api, fields, models
from odoo.exceptions import ValidationError

from ..compat import sql_constraints


@sql_constraints(
    one_subject=(
        "CHECK (num_nonnulls(vehicle_id, driver_id) = 1)",
        "A document belongs to one vehicle or to one driver.",
    ),
    expiry_after_issue=(
        "CHECK (expiry_date >= issue_date)",
        "A document cannot expire before it was issued.",
    ),
)
class TmsDocument(models.Model):
    _name = "tms.document"
    _description = "Vehicle or Driver Document"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "expiry_date, id"

    name = fields.Char(string="Number", required=True, tracking=True)
    type_id = fields.Many2one("tms.document.type", required=True, ondelete="restrict")
    applies_to = fields.Selection(related="type_id.applies_to")
    critical = fields.Boolean(related="type_id.critical", store=True)
    vehicle_id = fields.Many2one("fleet.vehicle", index=True, ondelete="cascade")
    driver_id = fields.Many2one(
        "hr.employee",
        index=True,
        ondelete="cascade",
        domain="[('is_tms_driver', '=', True)]",
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True
    )
    issue_date = fields.Date()
    expiry_date = fields.Date(
        index=True, tracking=True, help="Empty: the document does not expire."
    )
    days_left = fields.Integer(compute="_compute_days_left")
    scan = fields.Binary(attachment=True)
    scan_filename = fields.Char()

    @api.depends("vehicle_id.company_id", "driver_id.company_id")
    def _compute_company_id(self):
        for document in self:
            subject = document.vehicle_id or document.driver_id
            document.company_id = subject.company_id

    @api.depends("expiry_date")
    def _compute_days_left(self):
        today = fields.Date.context_today(self)
        for document in self:
            expiry = document.expiry_date
            document.days_left = (expiry - today).days if expiry else 0

    @api.constrains("type_id", "vehicle_id", "driver_id")
    def _check_subject_fits_type(self):
        for document in self:
            subject = "vehicle" if document.vehicle_id else "driver"
            if document.type_id.applies_to != subject:
                raise ValidationError(
                    _(
                        "Documents of the type %(type)s do not belong to a "
                        "%(subject)s.",
                        type=document.type_id.name,
                        subject=_("vehicle") if document.vehicle_id else _("driver"),
                    )
                )

    @api.model
    def _problems(self, subject, applies_to, until):
        """Return what is wrong with the papers of ``subject`` for a trip.

        :param subject: one ``fleet.vehicle`` or ``hr.employee``
        :param str applies_to: ``"vehicle"`` or ``"driver"``
        :param date until: the day on which the trip ends
        :return: one sentence for each critical document that expires before ``until``
            and was not renewed, and for each mandatory one that is missing
        """
        documents = self.search([(f"{applies_to}_id", "=", subject.id)])
        problems = []
        for kind in documents.type_id.filtered("critical"):
            copies = documents.filtered(lambda doc, kind=kind: doc.type_id == kind)
            if all(doc.expiry_date and doc.expiry_date < until for doc in copies):
                problems.append(
                    _(
                        "%(type)s of %(subject)s expires on %(date)s; renew it.",
                        type=kind.name,
                        subject=subject.display_name,
                        date=max(copies.mapped("expiry_date")),
                    )
                )
        mandatory = self.env["tms.document.type"].search(
            [("applies_to", "=", applies_to), ("mandatory", "=", True)]
        )
        # Not in a comprehension: there the language to translate to is out of sight.
        for kind in mandatory - documents.type_id:
            problems.append(
                _(
                    "%(subject)s has no %(type)s; add it to its documents.",
                    subject=subject.display_name,
                    type=kind.name,
                )
            )
        return problems
