"""The one error of the local platform."""

from delivery.errors import DeliveryError


class PlatformError(DeliveryError):
    """Something the platform needs did not work.

    The message is one line that names what failed and what to do next; it is
    printed as it stands, without a traceback.
    """
