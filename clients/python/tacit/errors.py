"""Everything that can go wrong, one class for each code of docs/PROTOCOL.md.

A refusal explains itself: besides its message an error may carry the claim that was judged, what was
expected, what was found, the line of the policy that decided, and what to do. Errors of a service's
own are in its generated module (`tacit.idl.keys.NotGranted`).
"""

from __future__ import annotations

import typing as _t

_CODES: dict[int, type["TacitError"]] = {}


class TacitError(Exception):
    """Why something was not done. `code` decides; the rest is for people."""

    code: int = 0
    name: str = "error"

    def __init__(
        self,
        message: str,
        *,
        claim: str = "",
        expected: str = "",
        got: str = "",
        policy: str = "",
        remedy: str = "",
        retry_after_ms: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.claim = claim
        self.expected = expected
        self.got = got
        self.policy = policy
        self.remedy = remedy
        #: of a busy or draining service: not before so long; 0 where it said nothing
        self.retry_after_ms = retry_after_ms

    def __init_subclass__(cls, **arguments: _t.Any) -> None:
        super().__init_subclass__(**arguments)
        if "code" in cls.__dict__ and cls.code:
            _CODES.setdefault(cls.code, cls)

    def __str__(self) -> str:
        parts = [f"{self.message} ({self.name}, {self.code})"]
        if self.claim:
            parts.append(f"{self.claim}: expected {self.expected or '-'}, got {self.got or '-'}")
        parts += [f"policy: {self.policy}"] if self.policy else []
        parts += [self.remedy] if self.remedy else []
        return "; ".join(parts)


class ServiceError(TacitError):
    """An error of a service's own; its classes are generated from the IDL."""


class UnknownError(TacitError):
    """A code that this version knows no class for; `code` and `name` are the peer's."""


def make(
    code: int,
    name: str,
    message: str,
    known: _t.Iterable[type[TacitError]] = (),
    **facts: _t.Any,
) -> TacitError:
    """The error of that code, of the classes in `known` first."""
    kind = next((one for one in known if one.code == code), None) or _CODES.get(code)
    if kind is not None:
        return kind(message or name, **facts)
    error = UnknownError(message or name, **facts)
    error.code, error.name = code, name
    return error


class InternalError(TacitError):
    """an internal error; see the service's log"""

    code = 100
    name = "internal"


class NoMemory(TacitError):
    """not enough memory, or not enough lockable memory"""

    code = 101
    name = "no_memory"


class BadInput(TacitError):
    """an argument is not valid"""

    code = 102
    name = "bad_input"


class NotFound(TacitError):
    """no such object"""

    code = 103
    name = "not_found"


class AlreadyExists(TacitError):
    """the object exists already"""

    code = 104
    name = "already_exists"


class TooLarge(TacitError):
    """a limit was exceeded"""

    code = 105
    name = "too_large"


class Malformed(TacitError):
    """the bytes are not what the format allows"""

    code = 106
    name = "malformed"


class StorageFailed(TacitError):
    """reading or writing storage failed"""

    code = 107
    name = "storage_failed"


class StorageFull(TacitError):
    """the storage is full; nothing was changed"""

    code = 108
    name = "storage_full"


class Corrupt(TacitError):
    """stored or sealed bytes were altered"""

    code = 109
    name = "corrupt"


class Unsupported(TacitError):
    """this build does not support that"""

    code = 110
    name = "unsupported"


class Busy(TacitError):
    """at the limit of concurrent work; try again"""

    code = 111
    name = "busy"


class Interrupted(TacitError):
    """stopped before it was done"""

    code = 112
    name = "interrupted"


class RollbackDetected(TacitError):
    """an old copy of the state was put back"""

    code = 113
    name = "rollback_detected"


class Draining(TacitError):
    """the service is ending: this call did not run; try again"""

    code = 114
    name = "draining"


class KeyReused(TacitError):
    """this idempotency key came with another call before"""

    code = 115
    name = "key_reused"


class BulkLost(TacitError):
    """its bulk did not come: this call did not run; try again"""

    code = 116
    name = "bulk_lost"


class Unreachable(TacitError):
    """nothing answers at that endpoint"""

    code = 200
    name = "unreachable"


class WrongServerKey(TacitError):
    """the peer does not hold the expected CURVE key"""

    code = 201
    name = "wrong_server_key"


class RefusedByZap(TacitError):
    """the peer does not admit this CURVE key"""

    code = 202
    name = "refused_by_zap"


class DeadlineExceeded(TacitError):
    """no answer before the deadline"""

    code = 203
    name = "deadline_exceeded"


class UnknownMethod(TacitError):
    """the peer has no such method"""

    code = 204
    name = "unknown_method"


class BadBulk(TacitError):
    """bulk frames missing, too many or too large"""

    code = 205
    name = "bad_bulk"


class NoSession(TacitError):
    """the method needs an attested session, and there is none"""

    code = 206
    name = "no_session"


class CallerRefused(TacitError):
    """this method is not for this caller"""

    code = 207
    name = "caller_refused"


class ProtocolError(TacitError):
    """the peer broke the protocol"""

    code = 208
    name = "protocol_error"


class SessionExpired(TacitError):
    """the session ended; bind again"""

    code = 209
    name = "session_expired"


class EvidenceMalformed(TacitError):
    """the evidence is not well formed"""

    code = 300
    name = "evidence_malformed"


class SignatureInvalid(TacitError):
    """a signature does not verify"""

    code = 301
    name = "signature_invalid"


class TrustAnchorRefused(TacitError):
    """the chain ends in a root not trusted"""

    code = 302
    name = "trust_anchor_refused"


class CertificateInvalid(TacitError):
    """a certificate is not valid here"""

    code = 303
    name = "certificate_invalid"


class CertificateRevoked(TacitError):
    """a certificate was revoked"""

    code = 304
    name = "certificate_revoked"


class CollateralMissing(TacitError):
    """collateral needed to judge is missing"""

    code = 305
    name = "collateral_missing"


class CollateralExpired(TacitError):
    """collateral is not valid at this time"""

    code = 306
    name = "collateral_expired"


class TcbUnsupported(TacitError):
    """no TCB level matches this platform"""

    code = 307
    name = "tcb_unsupported"


class TcbStatusRefused(TacitError):
    """the policy refuses this TCB status"""

    code = 308
    name = "tcb_status_refused"


class QeRefused(TacitError):
    """the quoting enclave is not the vendor's"""

    code = 309
    name = "qe_refused"


class DebugRefused(TacitError):
    """the enclave runs in debug mode"""

    code = 310
    name = "debug_refused"


class MeasurementRefused(TacitError):
    """the policy does not list this code"""

    code = 311
    name = "measurement_refused"


class SignerRefused(TacitError):
    """the policy does not list this signer"""

    code = 312
    name = "signer_refused"


class SvnTooLow(TacitError):
    """the code is older than the policy allows"""

    code = 313
    name = "svn_too_low"


class RoleRefused(TacitError):
    """this code may not take that role"""

    code = 314
    name = "role_refused"


class ReportDataMismatch(TacitError):
    """the quote was made for something else"""

    code = 315
    name = "report_data_mismatch"


class NonceRefused(TacitError):
    """the nonce is unknown, used or too old"""

    code = 316
    name = "nonce_refused"


class ResultInvalid(TacitError):
    """the attestation result is not valid for this peer"""

    code = 317
    name = "result_invalid"


class ResultExpired(TacitError):
    """the attestation result has expired"""

    code = 318
    name = "result_expired"


class WrongMesh(TacitError):
    """the peer trusts other anchors or another policy"""

    code = 319
    name = "wrong_mesh"


class ConfirmationFailed(TacitError):
    """key confirmation failed"""

    code = 320
    name = "confirmation_failed"


class PolicyRefused(TacitError):
    """there is no valid signed policy for this"""

    code = 321
    name = "policy_refused"


class PlatformRefused(TacitError):
    """the platform does not launch this enclave"""

    code = 322
    name = "platform_refused"


class UserRevoked(TacitError):
    """the policy in force revoked this user"""

    code = 323
    name = "user_revoked"
