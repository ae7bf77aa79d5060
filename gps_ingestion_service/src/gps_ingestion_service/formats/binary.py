"""Reading binary frames: a cursor that never leaves its frame, and checksums."""

from gps_ingestion_service.formats.base import DecodeError


class FrameError(DecodeError):
    """A frame must be refused; ``answer`` is what tells the device so, if anything."""

    def __init__(self, code: str, message: str, answer: bytes = b"") -> None:
        super().__init__(code, message)
        self.answer = answer


class Cursor:
    """Reads big-endian fields one after the other.

    Every read raises :class:`FrameError` ``truncated`` where the frame ends first.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > self.left:
            raise FrameError(
                "truncated",
                f"{count} bytes are due at byte {self._at}, {self.left} are left",
            )
        start, self._at = self._at, self._at + count
        return self._data[start : self._at]

    def unsigned(self, count: int) -> int:
        """The next ``count`` bytes as an unsigned number."""
        return int.from_bytes(self.take(count))

    def signed(self, count: int) -> int:
        """The next ``count`` bytes as a number in two's complement."""
        return int.from_bytes(self.take(count), signed=True)


def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


_IBM = _table(0xA001)
_X25 = _table(0x8408)


def crc16_ibm(data: bytes) -> int:
    """CRC-16/ARC: reflected polynomial 0xA001, start 0."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _IBM[(crc ^ byte) & 0xFF]
    return crc


def crc16_x25(data: bytes) -> int:
    """CRC-16/X-25, also called CRC-ITU: reflected 0x8408, start and end inverted."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _X25[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF
