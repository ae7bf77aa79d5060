"""What happens once, when the addon is installed on a database that has vehicles."""

from odoo.exceptions import UserError


def pre_init_hook(env):
    """Normalise the truck numbers that are there before uniqueness is enforced.

    :raises UserError: naming the numbers that more than one active vehicle carries,
        so that somebody can correct them and install again.
    """
    env.cr.execute("""
        UPDATE fleet_vehicle
           SET license_plate = nullif(
                   upper(regexp_replace(license_plate, '[^A-Za-z0-9]', '', 'g')), ''
               )
         WHERE license_plate IS NOT NULL
        """)
    env.invalidate_all(flush=False)
    vehicles = env["fleet.vehicle"].with_context(active_test=False).search([])
    env.add_to_compute(vehicles._fields["name"], vehicles)
    vehicles.flush_recordset(["name"])
    env.cr.execute("""
        SELECT license_plate FROM fleet_vehicle
         WHERE active AND license_plate IS NOT NULL
         GROUP BY license_plate HAVING count(*) > 1 ORDER BY license_plate
        """)
    repeated = [row[0] for row in env.cr.fetchall()]
    if repeated:
        raise UserError(
            env._(
                "These truck numbers belong to more than one active vehicle: %s. "
                "Correct or archive the extra vehicles, then install again.",
                ", ".join(repeated),
            )
        )
