"""The settings of transport that an administrator chooses in Odoo's own Settings.

The link to the GPS service is not among them: it is set where Odoo is run, and is in no
database.
"""

from odoo import _, api, fields, models
from odoo.exceptions import ValidationError

_PLACEHOLDERS = ("{z}", "{x}", "{y}")
_BEGINNINGS = ("https://", "http://", "/")


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    tms_map_tile_url = fields.Char(
        string="Map Tiles",
        config_parameter="tms_management.map_tile_url",
        help="Address of a tile with {z}, {x} and {y} in it. Left empty, the live map "
        "draws country outlines and asks no other server.",
    )
    tms_map_tile_attribution = fields.Char(
        string="Attribution",
        config_parameter="tms_management.map_tile_attribution",
        help="What the provider of the tiles wants to be written on the map.",
    )
    # No boolean: Odoo forgets a parameter that is false, and borders are shown unless
    # it says otherwise.
    tms_map_country_borders = fields.Selection(
        [("1", "Coasts and borders"), ("0", "Coasts only")],
        string="Outlines",
        config_parameter="tms_management.map_country_borders",
        default="1",
        required=True,
        help="Borders are drawn as one data set has them; some are disputed.",
    )

    @api.constrains("tms_map_tile_url")
    def _check_tms_map_tile_url(self):
        for settings in self:
            url = (settings.tms_map_tile_url or "").strip()
            if not url:
                continue
            if not url.startswith(_BEGINNINGS):
                raise ValidationError(
                    _("The address of map tiles must begin with https://, not %s.", url)
                )
            missing = [part for part in _PLACEHOLDERS if part not in url]
            if missing:
                raise ValidationError(
                    _(
                        "The address of map tiles lacks %s, for example "
                        "https://tiles.example.com/{z}/{x}/{y}.png",
                        ", ".join(missing),
                    )
                )
