"""Functions that turn a constant into a text, by the name that they are called by."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable
from typing import Any, Final

_CODECS: Final = {
    "rot13": "rot13",
    "rot_13": "rot13",
    "hex": "hex",
    "base64": "base64",
    "utf-8": "utf-8",
    "ascii": "ascii",
}


def codec_decode(data: Any, codec: str = "utf-8", *_: Any) -> Any:
    """Do what `codecs.decode` does, for the codecs that cannot fill the memory."""
    return codecs.decode(data, _CODECS[codec])


def _reversed(value: Any) -> Any:
    return value[::-1]


def _bytes(value: Any, *_: Any) -> Any:
    # A number would be that many zero bytes.
    if isinstance(value, int):
        raise TypeError
    return value.encode() if isinstance(value, str) else bytes(value)


# Called as `b64decode(…)`, `base64.b64decode(…)` or `x.b64decode(…)` alike.
DECODERS: Final[dict[str, Callable[..., Any]]] = {
    "b64decode": base64.b64decode,
    "urlsafe_b64decode": base64.urlsafe_b64decode,
    "standard_b64decode": base64.standard_b64decode,
    "decodebytes": base64.decodebytes,
    "b32decode": base64.b32decode,
    "b16decode": base64.b16decode,
    "a85decode": base64.a85decode,
    "b85decode": base64.b85decode,
    "unhexlify": binascii.unhexlify,
    "a2b_hex": binascii.unhexlify,
    "a2b_base64": binascii.a2b_base64,
    "fromhex": bytes.fromhex,
    "chr": chr,
    "bytes": _bytes,
    "bytearray": _bytes,
    "reversed": _reversed,
}
