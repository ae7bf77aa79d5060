"""Settings: environment variables ``GPS_*``, or files in ``GPS_SECRETS_DIR``."""

import os
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gps_ingestion_service.formats import TRACKER_FORMATS

PREFIX = "GPS_"


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line and holds no value."""


_CONFIG = SettingsConfigDict(
    env_prefix=PREFIX, env_ignore_empty=True, hide_input_in_errors=True
)


class AdminSettings(BaseSettings):
    """What a command needs that calls the admin API."""

    model_config = _CONFIG

    admin_token: SecretStr = Field(
        min_length=1, description="bearer token of the provisioning and reading API"
    )


class DatabaseSettings(BaseSettings):
    """What every command that touches the database needs."""

    model_config = _CONFIG

    database_url: SecretStr = Field(description="PostgreSQL URL of the service")
    database_host: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="host to connect to in the place of the URL's",
    )
    statement_timeout_s: float = Field(
        10.0, gt=0, le=300, description="longest a statement may run, seconds"
    )
    connect_timeout_s: float = Field(
        5.0, gt=0, le=60, description="longest a connection attempt may take, seconds"
    )
    pool_size: int = Field(10, ge=3, le=200, description="connections held at most")

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @property
    def dsn(self) -> str:
        """The URL that is connected to; holds the password."""
        url = urlsplit(self.database_url.get_secret_value())
        if not self.database_host:
            return url.geturl()
        user, at, address = url.netloc.rpartition("@")
        _, colon, port = address.partition(":")
        place = f"{user}{at}{self.database_host}{colon}{port}"
        return urlunsplit(url._replace(netloc=place))


class FactSettings(BaseSettings):
    """From when on something is a fact, and how facts are kept."""

    model_config = _CONFIG

    facts: bool = Field(True, description="evaluate live facts")
    facts_interval_s: float = Field(
        1.0, gt=0, le=60, description="seconds between two looks at what is due"
    )
    facts_late_days: float = Field(
        7.0, gt=0, le=60, description="how late a fix may still change facts, days"
    )
    facts_days: float = Field(
        400.0, ge=1, le=3650, description="days that a fact is kept after it ended"
    )
    stop_radius_m: float = Field(
        75.0, gt=0, le=5000, description="how far a stopped vehicle may move, metres"
    )
    stop_min_s: float = Field(
        180.0, ge=0, description="shortest stop that is a fact, seconds"
    )
    idling_min_s: float = Field(
        180.0, ge=0, description="shortest idling that is a fact, seconds"
    )
    speed_limit_kmh: float = Field(
        80.0, gt=5, le=500, description="speed above which a vehicle is speeding"
    )
    speeding_min_s: float = Field(
        20.0, ge=0, description="shortest speeding that is a fact, seconds"
    )
    silence_s: float = Field(
        900.0, gt=0, description="longest time between two fixes that is no silence"
    )
    trip_detour_factor: float = Field(
        1.3, ge=1, le=5, description="road by great circle, until trips have taught it"
    )
    trip_speed_kmh: float = Field(
        40.0, gt=0, le=200, description="speed on a trip with rests, until then"
    )


class Settings(DatabaseSettings, AdminSettings, FactSettings):
    """Everything ``serve`` reads, once, at start."""

    read_token: SecretStr | None = Field(
        None, description="bearer token that reads positions and devices only"
    )
    provision_token: SecretStr | None = Field(
        None, description="bearer token that sets devices, geofences and trips only"
    )
    ingest_token: SecretStr | None = Field(
        None, description="bearer token of a gateway; unset: no gateway is accepted"
    )
    signing_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="key that the signing secrets of devices are derived from",
    )
    signing_key_previous: SecretStr | None = Field(
        None, min_length=32, description="the one before, accepted during a rotation"
    )
    odoo_url: str = Field("", description="base URL of Odoo; empty: the outbox waits")
    odoo_hmac_secret: SecretStr | None = Field(
        None, description="key of the signed calls to Odoo"
    )
    push_interval_s: float = Field(
        2.0, gt=0, le=3600, description="seconds between two pushes to Odoo"
    )
    push_timeout_s: float = Field(
        10.0, gt=0, le=300, description="longest a call to Odoo may take, seconds"
    )
    push_backoff_max_s: float = Field(
        30.0, gt=0, le=3600, description="longest pause while Odoo is down, seconds"
    )
    max_body_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="largest request body, bytes"
    )
    max_rows: int = Field(5000, ge=1, description="most rows in one request")
    max_held_bytes: int = Field(
        32 * 1024 * 1024,
        ge=65_536,
        description="most bytes of all bodies and frames that are not answered yet",
    )
    http_max_connections: int = Field(
        4000, ge=1, description="most open HTTP connections"
    )
    http_keep_alive_s: int = Field(
        65, ge=1, description="longest silence between two requests, seconds"
    )
    http_head_timeout_s: float = Field(
        10.0, gt=0, description="longest from connecting to the end of the headers"
    )
    http_body_timeout_s: float = Field(
        30.0,
        gt=0,
        description="longest that a body takes to come, and an answer to be taken",
    )
    drain_s: float = Field(
        20.0, ge=2, le=600, description="longest that a stop takes, seconds"
    )
    queue_max_rows: int = Field(
        50_000, ge=1, description="most rows that wait for a commit"
    )
    commit_max_rows: int = Field(5000, ge=1, description="most rows of one commit")
    device_requests_per_s: float = Field(
        50.0, ge=0, description="requests or frames of one device a second; 0: no limit"
    )
    device_request_burst: int = Field(
        500, ge=1, description="requests that it may send at once after a pause"
    )
    failures_per_s: float = Field(
        5.0, ge=0, description="wrong tokens of one address a second; 0: no limit"
    )
    failure_burst: int = Field(
        300, ge=1, description="wrong tokens that it may send at once after a pause"
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1",
        description="addresses or networks, after commas, of the proxies whose "
        "X-Forwarded-For is believed",
    )
    max_future_s: float = Field(
        300.0, ge=0, description="how far ahead a device's clock may be, seconds"
    )
    max_age_days: float = Field(366.0, gt=0, description="oldest fix taken, days")
    partitions_ahead_days: int = Field(
        7, ge=1, le=60, description="daily partitions made ahead"
    )
    retention_days: int | None = Field(
        None, ge=1, description="days that fixes are kept; unset: for ever"
    )
    export_dir: str = Field(
        "", description="folder that a day is exported to before it is dropped"
    )
    export_url: str = Field(
        "",
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#]*)?)?$",
        description="bucket and prefix that the export is put to, s3://BUCKET/PREFIX",
    )
    live_max_clients: int = Field(
        200, ge=0, description="most open connections of the live feed"
    )
    quarantine_days: float = Field(
        30.0, gt=0, le=3650, description="days that a refused message is kept"
    )
    quarantine_device_bytes: int = Field(
        1024 * 1024, ge=4096, description="most bytes kept of one sender"
    )
    quarantine_max_bytes: int = Field(
        256 * 1024 * 1024, ge=4096, description="most bytes kept of all senders"
    )
    teltonika_port: int | None = Field(
        None, ge=0, le=65535, description="TCP and UDP port of Teltonika trackers"
    )
    gt06_port: int | None = Field(
        None, ge=0, le=65535, description="TCP port of GT06 and Concox trackers"
    )
    tracker_ports: str = Field(
        "", description="ports of trackers by format, such as teltonika:5027,gt06:5023"
    )
    tracker_max_connections: int = Field(
        10_000, ge=1, description="most TCP connections of trackers, per port"
    )
    tracker_max_per_address: int = Field(
        0, ge=0, description="most of them from one address; 0: no limit of its own"
    )
    tracker_login_timeout_s: float = Field(
        15.0, gt=0, description="longest from connecting to login, seconds"
    )
    tracker_idle_timeout_s: float = Field(
        900.0, gt=0, description="longest silence between two frames, seconds"
    )
    tracker_frame_timeout_s: float = Field(
        30.0, gt=0, description="longest from the first byte of a frame to its last"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")

    @property
    def ports(self) -> dict[str, int]:
        """The ports of trackers by the name of their format; 0: the system chooses."""
        own = {"teltonika": self.teltonika_port, "gt06": self.gt06_port}
        return {
            **{name: port for name, port in own.items() if port is not None},
            **dict(_ports(self.tracker_ports)),
        }

    @field_validator("tracker_ports")
    @classmethod
    def _are_ports(cls, value: str) -> str:
        pairs = _ports(value)
        if len(dict(pairs)) != len(pairs):
            raise ValueError("must name each format once")
        return value

    @model_validator(mode="after")
    def _one_port_each(self) -> "Settings":
        for name, port in _ports(self.tracker_ports):
            if getattr(self, f"{name}_port", None) not in (None, port):
                raise ValueError(
                    f"GPS_TRACKER_PORTS and GPS_{name.upper()}_PORT name different "
                    "ports; set one of them"
                )
        return self

    @field_validator("odoo_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _secret_with_url(self) -> "Settings":
        secret = self.odoo_hmac_secret
        if self.odoo_url and not (secret and secret.get_secret_value()):
            raise ValueError("GPS_ODOO_HMAC_SECRET must be set when GPS_ODOO_URL is")
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError(
                "GPS_MAX_HELD_BYTES must not be below GPS_MAX_BODY_BYTES: "
                "the largest body would never be taken"
            )
        if self.queue_max_rows < self.max_rows:
            raise ValueError("GPS_QUEUE_MAX_ROWS must not be below GPS_MAX_ROWS")
        kept = self.retention_days
        if kept is not None and kept < self.max_age_days:
            raise ValueError(
                "GPS_RETENTION_DAYS must not be below GPS_MAX_AGE_DAYS: "
                "a fix would be taken and dropped"
            )
        return self

    @model_validator(mode="after")
    def _export_is_possible(self) -> "Settings":
        folder = self.export_dir
        if self.export_url and not folder:
            raise ValueError(
                "GPS_EXPORT_URL needs GPS_EXPORT_DIR, the folder in which a day is "
                "written on its way there"
            )
        if folder and self.retention_days is None:
            raise ValueError("GPS_EXPORT_DIR is of use with GPS_RETENTION_DAYS only")
        if folder and not os.access(folder, os.W_OK | os.X_OK):
            raise ValueError("GPS_EXPORT_DIR must be a folder that can be written")
        return self


_MAX_PORT = 65535


def _ports(text: str) -> list[tuple[str, int]]:
    """The pairs of a format and a port in a text such as ``teltonika:5027``."""
    result = []
    for item in filter(None, map(str.strip, text.split(","))):
        name, _, port = item.partition(":")
        is_port = port.isascii() and port.isdecimal() and len(port) < 6
        if name not in TRACKER_FORMATS or not is_port or int(port) > _MAX_PORT:
            raise ValueError(
                "must be pairs such as teltonika:5027 with commas between them, of the "
                f"formats {', '.join(sorted(TRACKER_FORMATS))}"
            )
        result.append((name, int(port)))
    return result


_S = TypeVar("_S", bound=BaseSettings)


def load(kind: type[_S]) -> _S:
    """Read settings of one ``kind`` from the environment and the secrets folder.

    Raises:
        SettingsError: naming each variable that is missing or wrong, never its value.
    """
    folder = os.environ.get(f"{PREFIX}SECRETS_DIR") or None
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(f"GPS_SECRETS_DIR: {folder} is not a folder")
    try:
        return kind(_secrets_dir=folder)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error))) from None


def _explain(error: ValidationError) -> list[str]:
    problems = []
    for item in error.errors(include_input=False, include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if not item["loc"]:
            problems.append(message)
            continue
        variable = f"{PREFIX}{item['loc'][0]}".upper()
        if item["type"] == "missing":
            message = (
                "is not set; set it, or put it into a file of that lower-case name "
                "in GPS_SECRETS_DIR"
            )
        problems.append(f"{variable}: {message}")
    return problems
