"""From fixes in the order of their times to facts: pure, one fix at a time.

Every fact but silence is a span: it begins with the first fix for which its condition
holds and ends with the first for which it no longer does. The state between two fixes
is small and says everything, so it can be stored, compared, and gone back to.
"""

from datetime import datetime, timedelta

import msgspec

from gps_ingestion_service.facts.geometry import can_be_driven, distance_m
from gps_ingestion_service.facts.model import Fact, Kind, Rules, Sample
from gps_ingestion_service.geofences.index import FenceIndex

_KMH_PER_MPS = 3.6
# So many fixes in a row that agree with each other outweigh the one before them: a
# receiver that began at a wrong place would otherwise be right for hours.
_BELIEVED_AFTER = 5
# Slower is standing: what a receiver reports of a parked truck is not always zero.
_STANDING_MPS = 1.4
_STANDING_M = 30.0
# A fact of speeding ends below the limit by this much, or the limit would chop it up.
_SPEED_HYSTERESIS_MPS = 5 / _KMH_PER_MPS
_FENCE = f"{Kind.GEOFENCE}:"


class Span(msgspec.Struct, omit_defaults=True):
    """A condition that holds since a fix; ``known`` once it is a fact."""

    started_at: datetime
    latitude: float
    longitude: float
    known: bool = False
    fastest: float = 0.0
    dwelled: bool = False


class State(msgspec.Struct, omit_defaults=True):
    """What is known of a device after a fix. ``stray`` is the last of ``strays`` fixes
    in a row that agree with each other, but cannot be driven to from ``last``."""

    last: Sample | None = None
    spans: dict[str, Span] = {}
    stray: Sample | None = None
    strays: int = 0

    @property
    def newest(self) -> Sample | None:
        """The last fix that was taken, believed or not."""
        return self.stray or self.last


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(State)


def encode(state: State) -> str:
    """The state as text: the same state is the same text."""
    return _ENCODER.encode(state).decode()


def decode(text: str) -> State:
    """The state that :func:`encode` wrote."""
    return _DECODER.decode(text)


class Fold:
    """Takes fixes, each later than the one before, and collects what has ended and
    the times of those that are impossible jumps."""

    def __init__(
        self, state: State, rules: Rules, fences: FenceIndex | None = None
    ) -> None:
        self.state = state
        self.ended: list[Fact] = []
        self.jumps: set[datetime] = set()
        self._rules = rules
        self.fences = fences or FenceIndex()

    def take(self, sample: Sample) -> None:
        """Go on to the next fix; pass over one that nobody could have driven to."""
        last = self.state.last
        moved = 0.0
        if last is not None:
            moved = distance_m(
                last.latitude, last.longitude, sample.latitude, sample.longitude
            )
            elapsed = sample.time - last.time
            if self._jumps(last, sample):
                self.jumps.add(sample.time)
                return
            if last.vehicle_identifier != sample.vehicle_identifier:
                self._end_all(last, sample.time)
                last = None
            elif elapsed > self._rules.silence:
                self._break_off(last, sample)
        self._stop(sample)
        self._idling(sample, last, moved)
        self._speeding(sample)
        self._ignition(sample)
        self._geofences(sample)
        self.state.last = sample

    def _jumps(self, last: Sample, sample: Sample) -> bool:
        """Whether it is an impossible jump, until enough in a row say the same."""
        state = self.state
        if not _can_follow(last, sample):
            agrees = state.stray is not None and _can_follow(state.stray, sample)
            state.stray, state.strays = sample, state.strays + 1 if agrees else 1
            if state.strays < _BELIEVED_AFTER:
                return True
        state.stray, state.strays = None, 0
        return False

    def lasting(self) -> list[Fact]:
        """The facts that have not ended."""
        return [
            self._fact(key, span, None, None)
            for key, span in self.state.spans.items()
            if span.known
        ]

    def going_on(self) -> list[Fact]:
        """What has not ended, and is a fact or may become one."""
        return [
            self._fact(key, span, None, None) for key, span in self.state.spans.items()
        ]

    def _stop(self, sample: Sample) -> None:
        span = self.state.spans.get(Kind.STOP)
        if span is not None:
            away = distance_m(
                span.latitude, span.longitude, sample.latitude, sample.longitude
            )
            if away > self._rules.stop_radius_m:
                self._end(Kind.STOP, sample)
        self._hold(Kind.STOP, sample, self._rules.stop_min)

    def _idling(self, sample: Sample, last: Sample | None, moved: float) -> None:
        if sample.speed is None:
            standing = last is not None and moved <= _STANDING_M
        else:
            standing = sample.speed < _STANDING_MPS
        if standing and sample.ignition:
            self._hold(Kind.IDLING, sample, self._rules.idling_min)
        else:
            self._end(Kind.IDLING, sample)

    def _speeding(self, sample: Sample) -> None:
        speed = sample.speed or 0.0
        limit = self._rules.speed_limit
        if Kind.SPEEDING in self.state.spans:
            limit -= _SPEED_HYSTERESIS_MPS
        if speed <= limit:
            self._end(Kind.SPEEDING, sample)
            return
        span = self._hold(Kind.SPEEDING, sample, self._rules.speeding_min)
        span.fastest = max(span.fastest, speed)

    def _ignition(self, sample: Sample) -> None:
        # A fix that does not say leaves it as it was.
        if sample.ignition:
            self._hold(Kind.IGNITION, sample, timedelta())
        elif sample.ignition is False:
            self._end(Kind.IGNITION, sample)

    def _geofences(self, sample: Sample) -> None:
        for key in [key for key in self.state.spans if key.startswith(_FENCE)]:
            fence = self.fences.version(
                key.removeprefix(_FENCE), sample.time, sample.vehicle_identifier
            )
            if fence is None or fence.hysteresis_m < fence.shape.outside_m(
                sample.latitude, sample.longitude
            ):
                self._end(key, sample)
            elif fence.dwell is not None:
                span = self.state.spans[key]
                lasted = sample.time - span.started_at
                span.dwelled = span.dwelled or lasted >= fence.dwell
        for fence in self.fences.around(
            sample.latitude, sample.longitude, sample.vehicle_identifier
        ):
            key = _FENCE + fence.geofence_id
            if (
                key not in self.state.spans
                and fence.applies(sample.time, sample.vehicle_identifier)
                and fence.shape.outside_m(sample.latitude, sample.longitude) == 0
            ):
                self._hold(key, sample, timedelta())

    def _hold(self, key: str, sample: Sample, least: timedelta) -> Span:
        """The condition holds at this fix: the span begins, or has lasted until now."""
        span = self.state.spans.get(key)
        if span is None:
            span = Span(sample.time, sample.latitude, sample.longitude)
            self.state.spans[key] = span
        span.known = span.known or sample.time - span.started_at >= least
        return span

    def _end(self, key: str, sample: Sample) -> None:
        """The condition does not hold any more. Where the fix before is long ago, it
        ended there, as far as anybody can tell."""
        last = self.state.last
        heard = last is not None and sample.time - last.time <= self._rules.silence
        ended_at = sample.time if last is None or heard else last.time
        self._close(key, ended_at, sample.time)

    def _close(self, key: str, ended_at: datetime, settled_at: datetime) -> None:
        span = self.state.spans.pop(key, None)
        if span is not None and span.known:
            self.ended.append(self._fact(key, span, ended_at, settled_at))

    def _end_all(self, last: Sample, settled_at: datetime) -> None:
        """The device is in another vehicle now: for the first one, all has ended."""
        for key in list(self.state.spans):
            self._close(key, last.time, settled_at)

    def _break_off(self, last: Sample, sample: Sample) -> None:
        """Nothing was heard for long: say so, and assume nothing of that time that
        needed the truck to go on doing it."""
        for key in (Kind.IDLING, Kind.SPEEDING):
            self._close(key, last.time, sample.time)
        self.ended.append(silence(last, sample.time))

    def _fact(
        self,
        key: str,
        span: Span,
        ended_at: datetime | None,
        settled_at: datetime | None,
    ) -> Fact:
        last = self.state.last
        if last is None:
            raise RuntimeError("a span without a fix")
        data: dict[str, str | float | bool | None] = {}
        kind, _, subject = key.partition(":")
        if subject:
            data["dwelled"] = span.dwelled
        if key == Kind.SPEEDING:
            data["limit_kmh"] = round(self._rules.speed_limit * _KMH_PER_MPS, 1)
            # It grows with every fix; it is said when it is final.
            if ended_at is not None:
                data["fastest_kmh"] = round(span.fastest * _KMH_PER_MPS, 1)
        return Fact(
            kind=Kind(kind),
            subject=subject,
            vehicle_identifier=last.vehicle_identifier,
            started_at=span.started_at,
            ended_at=ended_at,
            settled_at=settled_at,
            latitude=span.latitude,
            longitude=span.longitude,
            data=data,
        )


def _can_follow(one: Sample, other: Sample) -> bool:
    return can_be_driven(
        distance_m(one.latitude, one.longitude, other.latitude, other.longitude),
        (other.time - one.time).total_seconds(),
        (one.accuracy or 0.0) + (other.accuracy or 0.0),
    )


def silence(last: Sample, until: datetime | None) -> Fact:
    """That nothing was heard since a fix, until another or until now."""
    return Fact(
        kind=Kind.SILENCE,
        vehicle_identifier=last.vehicle_identifier,
        started_at=last.time,
        ended_at=until,
        settled_at=until,
        latitude=last.latitude,
        longitude=last.longitude,
    )
