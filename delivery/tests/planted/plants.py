"""What is planted: each function gives files of a commit, by their paths."""

from __future__ import annotations

import re

from delivery.runner.components import GPS, ODOO, Component
from planted.checkout import Checkout

# Where the code lies that coverage counts, and where its unit tests, in a Source Path.
PACKAGES = {GPS: "src/gps_ingestion_service", ODOO: "models"}
TESTS = {GPS: "tests/unit", ODOO: "tests"}
PLANTED_REVISION = "9999"
PLANTED_TABLE = "planted"


def harmless(text: str) -> dict[str, str]:
    """A file that changes nothing but the commit, and with it the image's digest."""
    return {f"{GPS.source_path}/planted.txt": f"{text}\n"}


def prose(text: str) -> dict[str, str]:
    """Words about the project, which change nothing that is delivered."""
    return {"docs/planted.md": f"{text}\n"}


def lint_error(component: Component) -> dict[str, str]:
    """A name that nothing defines."""
    text = '"""Planted."""\n\n\ndef planted() -> int:\n    return undefined_name\n'
    return {f"{component.source_path}/{PACKAGES[component]}/planted.py": text}


def unsorted_import(component: Component) -> dict[str, str]:
    """Imports in the wrong order, and nothing else wrong with them."""
    text = '"""Planted."""\n\nimport sys\nimport os\n\nPLANTED = (os.sep, sys.path)\n'
    return {f"{component.source_path}/{PACKAGES[component]}/planted.py": text}


def unformatted(component: Component) -> dict[str, str]:
    """Quotes that Black would change, and nothing that another linter minds."""
    text = '"""Planted."""\n\nPLANTED = \'planted\'\n'
    return {f"{component.source_path}/{PACKAGES[component]}/planted.py": text}


def bandit_finding(component: Component) -> dict[str, str]:
    """A shell that takes whatever it is given."""
    text = (
        '"""Planted."""\n\nimport subprocess\n\n\n'
        "def planted(words: str) -> None:\n"
        "    subprocess.run(words, shell=True, check=True)\n"
    )
    return {f"{component.source_path}/{PACKAGES[component]}/planted.py": text}


def failing_test(component: Component) -> dict[str, str]:
    """One more unit test, which fails."""
    if component is GPS:
        text = (
            '"""Planted."""\n\n\ndef test_planted() -> None:\n    assert not "a test"\n'
        )
        return {f"{component.source_path}/{TESTS[component]}/test_planted.py": text}
    text = (
        '"""Planted."""\n\nfrom odoo.tests.common import TransactionCase, tagged\n\n\n'
        '@tagged("post_install", "-at_install")\n'
        "class TestPlanted(TransactionCase):\n"
        "    def test_planted(self):\n"
        '        self.fail("planted")\n'
    )
    return {f"{component.source_path}/{TESTS[component]}/test_planted.py": text}


def uncovered_code(component: Component, report: str, percent: float) -> dict[str, str]:
    """Lines that no test runs, so many that ``percent`` of all are covered.

    :param report: what ``coverage report`` printed of the code as it is.
    """
    total = re.search(r"^TOTAL +(\d+) +(\d+) +(\d+) +(\d+) +\d+%$", report, re.M)
    assert total, f"no total in: {report[-400:]}"
    # The percentage in it is rounded, and would miss by half a point.
    statements, missed, branches, partial = map(int, total.groups())
    count = statements + branches
    covered = count - missed - partial
    missing = round(covered / (percent / 100) - count)
    # The definition and the return count as well.
    lines = "".join(f"    number += {step}\n" for step in range(missing - 2))
    text = (
        '"""Planted."""\n\n\ndef planted(number: int) -> int:\n'
        f'    """Add."""\n{lines}    return number\n'
    )
    return {f"{component.source_path}/{PACKAGES[component]}/planted.py": text}


def never_ready(checkout: Checkout) -> dict[str, str]:
    """An image that migrates, and then serves nothing."""
    name = f"{GPS.source_path}/Dockerfile"
    own = 'ENTRYPOINT ["python", "-m", "gps_ingestion_service"]'
    program = (
        "import runpy, sys, time; "
        "time.sleep(3600) if sys.argv[1] == 'serve' else "
        "runpy.run_module('gps_ingestion_service', run_name='__main__')"
    )
    text = checkout.read(name)
    assert own in text
    return {name: text.replace(own, f'ENTRYPOINT ["python", "-c", "{program}"]')}


def failing_migration(checkout: Checkout) -> dict[str, str]:
    """Odoo's image, whose migration ends before it has changed anything."""
    return _odoo_but(checkout, "sys.exit('planted') if sys.argv[1] == 'migrate'")


def silent_websocket(checkout: Checkout) -> dict[str, str]:
    """Odoo's image, whose websocket workload serves nothing; all others are sound."""
    return _odoo_but(checkout, "time.sleep(3600) if sys.argv[1] == 'websocket'")


def _odoo_but(checkout: Checkout, planted: str) -> dict[str, str]:
    """A Dockerfile of Odoo's image that does something else first.

    :param planted: an expression with its condition; else the image is what it was.
    """
    name = f"{ODOO.source_path}/Dockerfile"
    script = "/opt/tms/container/tms_odoo.py"
    own = f'ENTRYPOINT ["python", "{script}"]'
    program = (
        "import runpy, sys, time; sys.path.insert(0, '/opt/tms/container'); "
        f"{planted} else runpy.run_path('{script}', run_name='__main__')"
    )
    text = checkout.read(name)
    assert own in text
    return {name: text.replace(own, f'ENTRYPOINT ["python", "-c", "{program}"]')}


def failing_integration_test(_checkout: Checkout) -> dict[str, str]:
    """One more integration test, which fails."""
    text = (
        '"""Planted."""\n\n\ndef test_planted() -> None:\n    assert not "deployed"\n'
    )
    return {f"{GPS.source_path}/tests/integration/test_planted.py": text}


def migration(checkout: Checkout, component: Component) -> dict[str, str]:
    """A release after which the database is past every earlier image."""
    if component is ODOO:
        name = f"{ODOO.source_path}/__manifest__.py"
        text, count = re.subn(
            r'("version": "\d+\.\d+\.)(\d+)"', r'\g<1>999"', checkout.read(name)
        )
        assert count == 1
        return {name: text}
    folder = f"{GPS.source_path}/{PACKAGES[GPS]}/migrations/versions"
    files = (checkout.folder / folder).glob("r*.py")
    head = max(
        re.findall(r'^revision = "(\w+)"', file.read_text(), re.M)[0] for file in files
    )
    text = (
        '"""Planted."""\n\nfrom alembic import op\n\n'
        f'revision = "{PLANTED_REVISION}"\ndown_revision = "{head}"\n'
        "branch_labels = None\ndepends_on = None\n\n\n"
        "def upgrade() -> None:\n"
        '    """Add a table that nothing uses."""\n'
        f'    op.execute("CREATE TABLE {PLANTED_TABLE} (id integer)")\n'
    )
    return {f"{folder}/r{PLANTED_REVISION}_planted.py": text}


def pinned(checkout: Checkout, component: Component, package: str) -> str:
    """The version of a package in a component's lock."""
    lock = checkout.read(f"{component.source_path}/requirements.txt")
    found = re.search(rf"^{package}==(\S+)", lock, re.M)
    assert found, f"{package} is not in the lock"
    return found[1]
