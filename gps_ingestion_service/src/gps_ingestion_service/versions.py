"""What an idempotent PUT with a version means for what is stored."""

from gps_ingestion_service.errors import ServiceError


def is_news(stored: int, offered: int, *, same: bool) -> bool:
    """Whether to store what is offered; not where it is stored already.

    Raises:
        ServiceError: 409 ``stale_version`` below the stored version, 409
            ``version_conflict`` for other content under the same version.
    """
    if offered < stored:
        raise ServiceError(
            409,
            "stale_version",
            f"version {offered} is older than the stored {stored}",
        )
    if offered == stored and not same:
        raise ServiceError(
            409,
            "version_conflict",
            f"version {offered} is stored with other content; raise the version",
        )
    return offered > stored
