"""Who and what a run of the suite works with: its own, made by the administrator."""

import datetime
import secrets

from rpc import OdooSession

DISPATCHERS = ("tms_management", "group_tms_dispatcher")
CAPACITY_KG = 1000


class Crew:
    """A dispatcher, a vehicle and a driver that exist for one run only.

    Everything is named after ``run_id``, so that a run that was killed can be told from
    real data. The password is random and known to this process alone.
    """

    def __init__(self, admin: OdooSession, run_id: str) -> None:
        self.admin = admin
        self.run_id = run_id
        self.login = f"{run_id}-dispatcher"
        self.password = secrets.token_urlsafe(24)
        self._made: list[tuple[str, int]] = []
        self._contacts: list[int] = []

    def hire(self) -> None:
        """Make the dispatcher's login, the vehicle and the driver."""
        self._make_dispatcher()
        self.vehicle = self._make_vehicle()
        self.driver = self._make_driver()

    def dismiss(self) -> None:
        """Delete all of it, the last made first, then the contacts it came with."""
        for model, record in reversed(self._made):
            self.admin.call(model, "unlink", [record])
        self.admin.call("res.partner", "unlink", self._contacts)

    def _make(self, model: str, **values: object) -> int:
        record = self.admin.call(model, "create", values)
        self._made.append((model, record))
        return record

    def _make_dispatcher(self) -> None:
        # Odoo 19 renamed the field.
        fields = self.admin.call("res.users", "fields_get", [], ["type"])
        groups = "group_ids" if "group_ids" in fields else "groups_id"
        module, name = DISPATCHERS
        domain = [("module", "=", module), ("name", "=", name)]
        (found,) = self.admin.call("ir.model.data", "search_read", domain, ["res_id"])
        user = self._make(
            "res.users",
            name=self.login,
            login=self.login,
            password=self.password,
            **{groups: [(6, 0, [found["res_id"]])]},
        )
        self._remember_contact("res.users", user, "partner_id")

    def _make_vehicle(self) -> int:
        brand = self._make("fleet.vehicle.model.brand", name=self.run_id)
        model = self._make("fleet.vehicle.model", name=self.run_id, brand_id=brand)
        vehicle = self._make(
            "fleet.vehicle",
            model_id=model,
            license_plate=self.run_id,
            capacity_kg=CAPACITY_KG,
        )
        self._add_papers("vehicle", vehicle)
        return vehicle

    def _make_driver(self) -> int:
        next_year = datetime.date.today() + datetime.timedelta(days=365)
        driver = self._make(
            "hr.employee",
            name=f"{self.run_id} driver",
            is_tms_driver=True,
            tms_licence_number=self.run_id,
            tms_licence_expiry=next_year.isoformat(),
        )
        self._remember_contact("hr.employee", driver, "work_contact_id")
        self._add_papers("driver", driver)
        return driver

    def _add_papers(self, subject: str, record: int) -> None:
        """Give a vehicle or driver the papers without which nobody may be assigned."""
        domain = [("applies_to", "=", subject), ("mandatory", "=", True)]
        for kind in self.admin.call("tms.document.type", "search", domain):
            papers = {"name": self.run_id, "type_id": kind, f"{subject}_id": record}
            self._make("tms.document", **papers)

    def _remember_contact(self, model: str, record: int, field: str) -> None:
        (values,) = self.admin.call(model, "read", [record], [field])
        if values[field]:
            self._contacts.append(values[field][0])
