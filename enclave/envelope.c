/*  envelope.c - sealed requests and responses, and receipts.

    Requests and responses are sealed (seal.h) with the associated data: transcript
    "tacit/inference/request/v1" or "tacit/inference/response/v1", request id, user, owner, name,
    version. The receipt is 512 bytes, little-endian:

     offset size field
          0    8 magic "TACITREC"
          8    2 layout version, 1
         10    1 flags: bit 0 simulated, bit 1 strict isolation (else standard), bit 2 portable
                 backend (else oneDNN), others zero
         11    1 precision: 0 fp32, 1 bf16, 2 int8
         12    4 model version, from 1
         16    8 time, Unix ms
         24   16 request id
         40   32 user (CURVE key)
         72   32 model owner (CURVE key)
        104   64 model name, the unused bytes zero
        168   32 SHA-256 of the sealed request
        200   32 SHA-256 of the sealed response
        232   32 SHA-256 of the model's sealed content
        264   32 MRENCLAVE of the worker
        296   32 policy head
        328   32 mesh id
        360   88 zero
        448   64 Ed25519 signature by the worker over bytes 0..448  */

#include "enclave/envelope.h"

#include "enclave/layout.h"

#include <sodium.h>

static const char s_magic[] = "TACITREC";

enum {
    S_SIGNED_SIZE = TACIT_RECEIPT_SIZE - crypto_sign_BYTES,
    S_RESERVED_SIZE = 88,
    S_FLAG_SIMULATED = 1,
    S_FLAG_STRICT = 2,
    S_FLAG_PORTABLE = 4,
    S_FLAGS = S_FLAG_SIMULATED | S_FLAG_STRICT | S_FLAG_PORTABLE
};

static void s_associate(const tacit_envelope_t *envelope, tacit_direction_t direction,
                        tacit_transcript_t *transcript)
{
    tacit_transcript_start(transcript, direction == TACIT_DIRECTION_REQUEST
                                           ? "tacit/inference/request/v1"
                                           : "tacit/inference/response/v1");
    tacit_transcript_add(transcript, tacit_span(envelope->request_id, sizeof envelope->request_id));
    tacit_transcript_add(transcript, tacit_span(envelope->user, sizeof envelope->user));
    tacit_transcript_add(transcript, tacit_span(envelope->owner, sizeof envelope->owner));
    tacit_transcript_add(transcript, tacit_span_string(envelope->name));
    tacit_transcript_add_u64(transcript, envelope->version);
}

void tacit_envelope_seal(const tacit_envelope_t *envelope, tacit_direction_t direction,
                         const uint8_t request_key[TACIT_KEY_SIZE], tacit_span_t plaintext,
                         uint8_t *ret_sealed)
{
    tacit_transcript_t transcript;
    s_associate(envelope, direction, &transcript);
    tacit_seal(request_key, tacit_transcript_span(&transcript), plaintext, ret_sealed);
}

tacit_status_t tacit_envelope_open(const tacit_envelope_t *envelope, tacit_direction_t direction,
                                   const uint8_t request_key[TACIT_KEY_SIZE], tacit_span_t sealed,
                                   uint8_t *ret_plaintext)
{
    tacit_transcript_t transcript;
    s_associate(envelope, direction, &transcript);
    return tacit_seal_open(request_key, tacit_transcript_span(&transcript), sealed, ret_plaintext);
}

static uint8_t s_flags(const tacit_receipt_t *receipt)
{
    return (uint8_t)((receipt->simulated ? S_FLAG_SIMULATED : 0) |
                     (receipt->isolation == TACIT_ISOLATION_STRICT ? S_FLAG_STRICT : 0) |
                     (receipt->backend == TACIT_BACKEND_PORTABLE ? S_FLAG_PORTABLE : 0));
}

/*  False where a worker cannot be so.  */
static bool s_take_flags(uint8_t flags, tacit_receipt_t *receipt)
{
    receipt->simulated = (flags & S_FLAG_SIMULATED) != 0;
    receipt->isolation =
        (flags & S_FLAG_STRICT) != 0 ? TACIT_ISOLATION_STRICT : TACIT_ISOLATION_STANDARD;
    receipt->backend =
        (flags & S_FLAG_PORTABLE) != 0 ? TACIT_BACKEND_PORTABLE : TACIT_BACKEND_ONEDNN;
    return (flags & ~S_FLAGS) == 0 && tacit_isolation_allows(receipt->isolation, receipt->backend);
}

void tacit_receipt_sign(const tacit_receipt_t *receipt, const uint8_t secret_key[64],
                        uint8_t ret_bytes[TACIT_RECEIPT_SIZE])
{
    const tacit_envelope_t *envelope = &receipt->envelope;
    tacit_writer_t writer = tacit_writer(ret_bytes, TACIT_RECEIPT_SIZE, s_magic);
    tacit_writer_little(&writer, s_flags(receipt), 1);
    tacit_writer_little(&writer, (uint64_t)receipt->precision, 1);
    tacit_writer_little(&writer, envelope->version, 4);
    tacit_writer_little(&writer, receipt->time_ms, 8);
    tacit_writer_bytes(&writer, envelope->request_id, sizeof envelope->request_id);
    tacit_writer_bytes(&writer, envelope->user, 32);
    tacit_writer_bytes(&writer, envelope->owner, 32);
    tacit_writer_text(&writer, envelope->name, TACIT_MODEL_NAME_MAX);
    tacit_writer_bytes(&writer, receipt->request_sha256, 32);
    tacit_writer_bytes(&writer, receipt->response_sha256, 32);
    tacit_writer_bytes(&writer, receipt->model_sha256, 32);
    tacit_writer_bytes(&writer, receipt->mrenclave, 32);
    tacit_writer_bytes(&writer, receipt->policy_head, 32);
    tacit_writer_bytes(&writer, receipt->mesh_id, 32);
    (void)tacit_writer_take(&writer, S_RESERVED_SIZE);
    uint8_t *signature = tacit_writer_take(&writer, crypto_sign_BYTES);
    (void)crypto_sign_detached(signature, NULL, ret_bytes, S_SIGNED_SIZE, secret_key);
}

static bool s_decode(tacit_span_t bytes, tacit_receipt_t *receipt)
{
    tacit_envelope_t *envelope = &receipt->envelope;
    tacit_cursor_t cursor = tacit_layout_cursor(bytes, s_magic);
    bool possible = s_take_flags(tacit_cursor_u8(&cursor), receipt);
    receipt->precision = (tacit_precision_t)tacit_cursor_u8(&cursor);
    possible = possible && (unsigned)receipt->precision < TACIT_PRECISIONS;
    envelope->version = tacit_cursor_u32(&cursor);
    receipt->time_ms = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, envelope->request_id, sizeof envelope->request_id);
    tacit_cursor_copy(&cursor, envelope->user, 32);
    tacit_cursor_copy(&cursor, envelope->owner, 32);
    tacit_cursor_text(&cursor, envelope->name, TACIT_MODEL_NAME_MAX);
    tacit_cursor_copy(&cursor, receipt->request_sha256, 32);
    tacit_cursor_copy(&cursor, receipt->response_sha256, 32);
    tacit_cursor_copy(&cursor, receipt->model_sha256, 32);
    tacit_cursor_copy(&cursor, receipt->mrenclave, 32);
    tacit_cursor_copy(&cursor, receipt->policy_head, 32);
    tacit_cursor_copy(&cursor, receipt->mesh_id, 32);
    tacit_cursor_zeroes(&cursor, S_RESERVED_SIZE);
    return tacit_cursor_done(&cursor) && possible && envelope->version >= 1 &&
           tacit_model_name_valid(tacit_span_string(envelope->name));
}

tacit_status_t tacit_receipt_verify(tacit_span_t bytes, const uint8_t signing_key[32],
                                    tacit_receipt_t *ret_receipt, tacit_error_t *ret_error)
{
    tacit_receipt_t receipt = {0};
    if (bytes.size != TACIT_RECEIPT_SIZE ||
        !s_decode(tacit_span(bytes.data, S_SIGNED_SIZE), &receipt)) {
        return tacit_error_claim(ret_error, TACIT_MALFORMED, "receipt", "512 canonical bytes",
                                 "something else");
    }
    if (crypto_sign_verify_detached(bytes.data + S_SIGNED_SIZE, bytes.data, S_SIGNED_SIZE,
                                    signing_key) != 0) {
        return tacit_error_claim(ret_error, TACIT_SIGNATURE_INVALID, "receipt.signature",
                                 "by the signing key of the worker's attestation result",
                                 "does not verify");
    }
    *ret_receipt = receipt;
    return TACIT_OK;
}
