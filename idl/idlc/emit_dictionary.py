"""A libFuzzer dictionary: what a fuzzer would take long to guess in a frame 0."""

from .model import BOUNDED, Service

_ENVELOPE = {"frame_request": b"\x94\x00", "frame_reply": b"\x94\x01"}


def emit(services: list[Service]) -> str:
    words = dict(_ENVELOPE)
    for service in services:
        words |= _words(service)
    lines, seen = [], set()
    for name, value in words.items():
        if len(value) > 1 and value not in seen:  # single bytes are soon guessed
            escaped = "".join(f"\\x{byte:02x}" for byte in value)
            lines.append(f'{name}="{escaped}"')
        seen.add(value)
    return "\n".join(lines) + "\n"


def _words(service: Service) -> dict[str, bytes]:
    words = {}
    for method in service.methods_by_name():
        words[f"{service.name}_{method.name}"] = _string(f"{service.name}.{method.name}".encode())
    for error in service.errors:
        words[f"{service.name}_{error.name}_name"] = _string(error.name.encode())
        words[f"{service.name}_{error.name}_code"] = _integer(error.code)
    for record in service.records():
        if record.fields:  # a map's head and its first key
            first = record.by_number()[0].number
            words[f"map_{len(record.fields)}_{first}"] = _map(len(record.fields)) + _integer(first)
        for one in record.fields:
            if one.type.kind in BOUNDED:
                head = _string_head if one.type.kind == "string" else _bytes_head
                words[f"{one.type.kind}_{one.type.maximum}"] = head(one.type.maximum)
            if one.type.list_maximum is not None:
                words[f"list_{one.type.list_maximum}"] = _array(one.type.list_maximum)
    return words


def _sized(codes: tuple, count: int) -> bytes:
    """The shortest head of those: codes for counts of 1, 2 and 4 bytes, or None."""
    for code, size in zip(codes, (1, 2, 4)):
        if code is not None and count < 256**size:
            return bytes([code]) + count.to_bytes(size, "big")
    raise ValueError(count)


def _integer(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else _sized((0xCC, 0xCD, 0xCE), value)


def _string_head(size: int) -> bytes:
    return bytes([0xA0 | size]) if size < 32 else _sized((0xD9, 0xDA, 0xDB), size)


def _string(text: bytes) -> bytes:
    return _string_head(len(text)) + text


def _bytes_head(size: int) -> bytes:
    return _sized((0xC4, 0xC5, 0xC6), size)


def _array(count: int) -> bytes:
    return bytes([0x90 | count]) if count < 16 else _sized((None, 0xDC, 0xDD), count)


def _map(count: int) -> bytes:
    return bytes([0x80 | count]) if count < 16 else _sized((None, 0xDE, 0xDF), count)
