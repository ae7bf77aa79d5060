"""What PostgreSQL takes by itself, with nothing before it: the ceilings.

Both are one connection that commits durably what the service is sent in one request.
The idempotent one does what a fix that is kept once cannot do without: the rows go by
COPY to a temporary table, and from there into the very table of the service.
"""

from __future__ import annotations

from collections.abc import Iterator

from devtools.bench.stage import DEVICES, Cost, Stage, vehicle_name
from devtools.lone_service import DATABASE

_COLUMNS = (
    "device, fix_time, received_at, latitude, longitude, speed, course, flags,"
    " vehicle_identifier"
)
_PLAIN = "COPY ceiling ({columns}) FROM stdin;\n{rows}\n\\.\n"
_PREPARE = "CREATE TEMP TABLE incoming (LIKE fix INCLUDING DEFAULTS);\n"
_IDEMPOTENT = """BEGIN;
COPY incoming ({columns}) FROM stdin;
{rows}
\\.
INSERT INTO fix ({columns}) SELECT {columns} FROM incoming ON CONFLICT DO NOTHING;
TRUNCATE incoming;
COMMIT;
"""


def plain_copy(stage: Stage, fixes: int, rows_each: int) -> Cost:
    """COPY into a table like a day's partition, which a repeated fix would break."""
    script = "".join(
        _PLAIN.format(columns=_COLUMNS, rows=rows)
        for rows in _parts(stage, fixes, rows_each)
    )
    prepare = "CREATE TABLE IF NOT EXISTS ceiling (LIKE fix INCLUDING ALL);\n"
    return _run(stage, fixes, prepare + script)


def idempotent(stage: Stage, fixes: int, rows_each: int) -> Cost:
    """COPY to a temporary table and INSERT ON CONFLICT into the table of the fixes."""
    script = "".join(
        _IDEMPOTENT.format(columns=_COLUMNS, rows=rows)
        for rows in _parts(stage, fixes, rows_each)
    )
    return _run(stage, fixes, _PREPARE + script)


def _run(stage: Stage, fixes: int, script: str) -> Cost:
    return stage.cost(None, fixes, lambda: stage.cluster.query(script, DATABASE))


def _parts(stage: Stage, fixes: int, rows_each: int) -> Iterator[str]:
    lines = [
        f"{number % DEVICES + 1}\t{moment}\t{moment}\t{18.52 + number % 97 / 1e4}"
        f"\t{73.85 + number % 89 / 1e4}\t15\t120\t0\t{vehicle_name(number % DEVICES)}"
        for number, moment in enumerate(stage.times(fixes))
    ]
    for start in range(0, fixes, rows_each):
        yield "\n".join(lines[start : start + rows_each])
