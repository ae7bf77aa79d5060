"""What Odoo 18.0 and 19.0 spell differently, in one place."""

from odoo import models


def sql_constraints(**constraints):
    """Decorate a model class with table constraints, in either series' own way.

    Each keyword is the constraint's name, each value ``(SQL definition, message)``.
    19.0 silently ignores the ``_sql_constraints`` that 18.0 needs.
    """

    def declare(model_class):
        if not hasattr(models, "Constraint"):
            model_class._sql_constraints = [
                (name, definition, message)
                for name, (definition, message) in constraints.items()
            ]
            return model_class
        for name, (definition, message) in constraints.items():
            constraint = models.Constraint(definition, message)
            setattr(model_class, f"_{name}", constraint)
            # Python calls this itself only for what stands in the class body.
            constraint.__set_name__(model_class, f"_{name}")
        return model_class

    return declare


def user_groups_field(env):
    """Return the name of the field of ``res.users`` that lists a user's groups."""
    return "group_ids" if "group_ids" in env["res.users"]._fields else "groups_id"
