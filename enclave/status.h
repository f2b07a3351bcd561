/*  status.h - the one result type of Tacit.

    Every function that can fail returns a tacit_status_t and leaves its outputs untouched when it
    fails. The same numbers travel on the wire as error codes (docs/PROTOCOL.md), so they are
    stable: a number is never reused. Codes from 1000 on belong to services and stand in idl/.  */

#ifndef TACIT_ENCLAVE_STATUS_H
#define TACIT_ENCLAVE_STATUS_H

#include <stdint.h>

#define TACIT_MUST_CHECK __attribute__((warn_unused_result))

/*  X(NAME, code, wire name, what happened)  */
#define TACIT_STATUS_TABLE(X)                                                                      \
    X(OK, 0, "ok", "success")                                                                      \
    X(PENDING, 1, "pending", "the handler answers later")                                          \
    X(INTERNAL, 100, "internal", "an internal error; see the service's log")                       \
    X(NO_MEMORY, 101, "no_memory", "not enough memory, or not enough lockable memory")             \
    X(BAD_INPUT, 102, "bad_input", "an argument is not valid")                                     \
    X(NOT_FOUND, 103, "not_found", "no such object")                                               \
    X(ALREADY_EXISTS, 104, "already_exists", "the object exists already")                          \
    X(TOO_LARGE, 105, "too_large", "a limit was exceeded")                                         \
    X(MALFORMED, 106, "malformed", "the bytes are not what the format allows")                     \
    X(STORAGE_FAILED, 107, "storage_failed", "reading or writing storage failed")                  \
    X(STORAGE_FULL, 108, "storage_full", "the storage is full; nothing was changed")               \
    X(CORRUPT, 109, "corrupt", "stored or sealed bytes were altered")                              \
    X(UNSUPPORTED, 110, "unsupported", "this build does not support that")                         \
    X(BUSY, 111, "busy", "at the limit of concurrent work; try again")                             \
    X(INTERRUPTED, 112, "interrupted", "stopped before it was done")                               \
    X(ROLLBACK_DETECTED, 113, "rollback_detected", "an old copy of the state was put back")        \
    X(DRAINING, 114, "draining", "the service is ending: this call did not run; try again")        \
    X(KEY_REUSED, 115, "key_reused", "this idempotency key came with another call before")         \
    X(BULK_LOST, 116, "bulk_lost", "its bulk did not come: this call did not run; try again")      \
    X(UNREACHABLE, 200, "unreachable", "nothing answers at that endpoint")                         \
    X(WRONG_SERVER_KEY, 201, "wrong_server_key", "the peer does not hold the expected CURVE key")  \
    X(REFUSED_BY_ZAP, 202, "refused_by_zap", "the peer does not admit this CURVE key")             \
    X(DEADLINE_EXCEEDED, 203, "deadline_exceeded", "no answer before the deadline")                \
    X(UNKNOWN_METHOD, 204, "unknown_method", "the peer has no such method")                        \
    X(BAD_BULK, 205, "bad_bulk", "bulk frames missing, too many or too large")                     \
    X(NO_SESSION, 206, "no_session", "the method needs an attested session, and there is none")    \
    X(CALLER_REFUSED, 207, "caller_refused", "this method is not for this caller")                 \
    X(PROTOCOL_ERROR, 208, "protocol_error", "the peer broke the protocol")                        \
    X(SESSION_EXPIRED, 209, "session_expired", "the session ended; bind again")                    \
    X(EVIDENCE_MALFORMED, 300, "evidence_malformed", "the evidence is not well formed")            \
    X(SIGNATURE_INVALID, 301, "signature_invalid", "a signature does not verify")                  \
    X(TRUST_ANCHOR_REFUSED, 302, "trust_anchor_refused", "the chain ends in a root not trusted")   \
    X(CERTIFICATE_INVALID, 303, "certificate_invalid", "a certificate is not valid here")          \
    X(CERTIFICATE_REVOKED, 304, "certificate_revoked", "a certificate was revoked")                \
    X(COLLATERAL_MISSING, 305, "collateral_missing", "collateral needed to judge is missing")      \
    X(COLLATERAL_EXPIRED, 306, "collateral_expired", "collateral is not valid at this time")       \
    X(TCB_UNSUPPORTED, 307, "tcb_unsupported", "no TCB level matches this platform")               \
    X(TCB_STATUS_REFUSED, 308, "tcb_status_refused", "the policy refuses this TCB status")         \
    X(QE_REFUSED, 309, "qe_refused", "the quoting enclave is not the vendor's")                    \
    X(DEBUG_REFUSED, 310, "debug_refused", "the enclave runs in debug mode")                       \
    X(MEASUREMENT_REFUSED, 311, "measurement_refused", "the policy does not list this code")       \
    X(SIGNER_REFUSED, 312, "signer_refused", "the policy does not list this signer")               \
    X(SVN_TOO_LOW, 313, "svn_too_low", "the code is older than the policy allows")                 \
    X(ROLE_REFUSED, 314, "role_refused", "this code may not take that role")                       \
    X(REPORT_DATA_MISMATCH, 315, "report_data_mismatch", "the quote was made for something else")  \
    X(NONCE_REFUSED, 316, "nonce_refused", "the nonce is unknown, used or too old")                \
    X(RESULT_INVALID, 317, "result_invalid", "the attestation result is not valid for this peer")  \
    X(RESULT_EXPIRED, 318, "result_expired", "the attestation result has expired")                 \
    X(WRONG_MESH, 319, "wrong_mesh", "the peer trusts other anchors or another policy")            \
    X(CONFIRMATION_FAILED, 320, "confirmation_failed", "key confirmation failed")                  \
    X(POLICY_REFUSED, 321, "policy_refused", "there is no valid signed policy for this")           \
    X(PLATFORM_REFUSED, 322, "platform_refused", "the platform does not launch this enclave")      \
    X(USER_REVOKED, 323, "user_revoked", "the policy in force revoked this user")

#define TACIT_STATUS_ENUM(name, code, wire, text) TACIT_##name = (code),

/*  Values outside the enumerators (1000 and up) are service errors from idl/.  */
typedef enum tacit_status {
    TACIT_STATUS_TABLE(TACIT_STATUS_ENUM) TACIT_STATUS_LAST = 0x7fffffff
} tacit_status_t;

#undef TACIT_STATUS_ENUM

/*  The wire name of a status below 1000, or "error" where this build knows none. Never NULL.  */
const char *tacit_status_name(tacit_status_t status);

/*  One sentence on what happened. Never NULL.  */
const char *tacit_status_text(tacit_status_t status);

#endif
