"""Makes an instance from a template: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace

from devtools.blueprint import GPS_DATABASE, GPS_ROLE, Blueprint
from devtools.errors import DevtoolsError
from devtools.odoo_server import DATABASE, ROLE
from devtools.password_hash import hash_password
from devtools.ports import Ports
from devtools.postgres import ADMIN_ROLE, Cluster, quote
from devtools.processes import identify
from devtools.state import Secrets, State
from devtools.templates import Template, TemplateStore, addon_digest


def create_instance(
    blueprint: Blueprint,
    report: Callable[[str], None] = lambda text: None,
    max_age_s: float = float("inf"),
) -> None:
    """Create the instance that ``blueprint`` describes, stopped.

    It is made beside its place and moved there when it is complete.

    :param max_age_s: a template whose demo data is older is made again.
    :raises DevtoolsError: when a step fails; nothing is left behind then.
    """
    store = TemplateStore(blueprint.layout, blueprint.tree)
    template = store.ensure(report, max_age_s)
    report("creating the instance")
    target = blueprint.folder
    folder = target.with_name(f".new-{target.name}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
        _fill(replace(blueprint, folder=folder), template)
        # What a start that failed early may have left: logs only.
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(blueprint: Blueprint, template: Template) -> None:
    secrets = Secrets.generate()
    secrets.save(blueprint.folder / "secrets.json")
    hashes = {k: hash_password(v) for k, v in secrets.passwords.items()}
    template.copy_to(blueprint.cluster.data, blueprint.odoo_server.filestore)
    cluster = replace(
        blueprint.cluster, port=Ports.free().postgres, password=template.password
    )
    process = cluster.start()
    try:
        _set_passwords(cluster, secrets, hashes)
    finally:
        cluster.stop(process)
    State(
        template=template.key,
        data_from=template.created_at,
        addon=addon_digest(blueprint.layout),
        series=blueprint.tree.series,
        ports=blueprint.ports,
        owner=identify(os.getpid()),
    ).save(blueprint.folder / "state.json")


def _set_passwords(
    cluster: Cluster, secrets: Secrets, hashes: Mapping[str, str]
) -> None:
    """Give roles and users their passwords, and take away every other user's.

    Odoo's own demo data has users whose password is their name.
    """
    pairs = ",".join(f"({quote(k)},{quote(v)})" for k, v in hashes.items())
    found = cluster.query(
        "UPDATE res_users SET password = NULL;"
        "UPDATE res_users u SET password = given.hash"
        f" FROM (VALUES {pairs}) AS given (login, hash) WHERE u.login = given.login"
        " RETURNING u.login;",
        DATABASE,
    )
    missing = sorted(set(hashes) - set(found))
    if missing:
        raise DevtoolsError(f"the demo data lacks the users {', '.join(missing)}")
    odoo, gps = secrets.odoo_database_password, secrets.gps_database_password
    cluster.query(
        f"ALTER ROLE {ROLE} PASSWORD {quote(odoo)};"
        f"CREATE ROLE {GPS_ROLE} LOGIN PASSWORD {quote(gps)};"
        f"CREATE DATABASE {GPS_DATABASE} OWNER {GPS_ROLE};"
        f"REVOKE CONNECT ON DATABASE {DATABASE}, {GPS_DATABASE} FROM PUBLIC;"
        f"ALTER ROLE {ADMIN_ROLE} PASSWORD {quote(secrets.postgres_password)};"
    )
