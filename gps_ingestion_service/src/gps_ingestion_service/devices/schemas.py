"""Bodies of the provisioning API."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DeviceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
VehicleIdentifier = Annotated[
    str,
    Field(
        pattern=r"^[A-Z0-9]{1,32}$",
        description="truck number, upper case, letters and digits only",
        examples=["MH12AB1234"],
    ),
]


class DeviceSpec(BaseModel):
    """What a device should be, at a version that its owner counts up."""

    model_config = ConfigDict(extra="forbid", strict=True)

    vehicle_identifier: VehicleIdentifier
    version: Annotated[int, Field(ge=0, le=2**62, examples=[1])]
    enabled: bool = True
    only_on_trip: Annotated[
        bool, Field(description="store positions of open trips of the vehicle only")
    ] = False


class DeviceClock(BaseModel):
    """The zone of a device's clock, for times that come without one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    utc_offset_minutes: Annotated[
        int | None,
        Field(
            ge=-840,
            le=840,
            examples=[480],
            description="minutes east of UTC; null: as the device says, else UTC",
        ),
    ]


class DeviceView(BaseModel):
    """A device as the API shows it."""

    device_id: Annotated[str, Field(examples=["356307042441013"])]
    vehicle_identifier: Annotated[str, Field(examples=["MH12AB1234"])]
    enabled: bool
    only_on_trip: bool
    version: int
    has_token: bool
    has_signing_secret: bool
    utc_offset_minutes: int | None
    last_fix_time: datetime | None


class DevicePage(BaseModel):
    """Devices in the order of their id; ``next`` continues after the last."""

    devices: list[DeviceView]
    next: str | None


class IssuedToken(BaseModel):
    """A device token, shown this once."""

    token: str


class IssuedSecret(BaseModel):
    """A signing secret, shown this once."""

    secret: str
