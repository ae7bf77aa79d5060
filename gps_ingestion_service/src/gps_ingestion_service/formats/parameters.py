"""Query strings and forms, as several formats carry their fields."""

from urllib.parse import parse_qsl

from gps_ingestion_service.formats.base import DecodeError, Message

_MAX_PARAMETERS = 200

Parameters = dict[str, list[str]]


def parameters_of(message: Message) -> Parameters:
    """The parameters of the query and of a form, each with all its values.

    Raises:
        DecodeError: they are not percent-encoded UTF-8, or too many.
    """
    parameters: Parameters = {}
    try:
        form = message.body.decode("ascii").strip()
        pairs = [
            pair
            for text in (message.query, form)
            for pair in parse_qsl(
                text,
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_PARAMETERS,
            )
        ]
    except UnicodeDecodeError:
        raise DecodeError(
            "invalid_encoding", "the parameters are not percent-encoded UTF-8"
        ) from None
    except ValueError:
        raise DecodeError(
            "too_many_parameters", f"at most {_MAX_PARAMETERS} parameters are read"
        ) from None
    for key, value in pairs:
        parameters.setdefault(key, []).append(value)
    return parameters


def first(parameters: Parameters, *names: str) -> str | None:
    """The first value with content of the first of these names that has one."""
    for name in names:
        for value in parameters.get(name, ()):
            if value.strip():
                return value.strip()
    return None
