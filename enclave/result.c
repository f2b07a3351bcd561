/*  result.c - the attestation result on the wire. 512 bytes, little-endian:

     offset size field
          0    8 magic "TACITRES"
          8    2 layout version, 1
         10    1 role
         11    1 flags: bit 0 simulated, bit 1 debug, others zero
         12    1 TCB status
         13    1 kind of environment (tee.h)
         14    1 tier (tier.h)
         15    1 zero
         16    2 product id
         18    2 SVN
         20    4 zero
         24    8 issued, Unix ms
         32    8 expires, Unix ms
         40   32 CURVE key
         72   32 signing key (Ed25519)
        104   32 SHA-256 of the attestation key
        136   32 MRENCLAVE
        168   32 MRSIGNER
        200   16 platform id
        216   32 SHA-256 of the trust anchor
        248   32 policy head
        280   32 mesh id
        312   32 issuer (Ed25519)
        344    8 policy number
        352   96 zero
        448   64 Ed25519 signature by the issuer over bytes 0..448  */

#include "enclave/result.h"

#include "enclave/layout.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

static const char s_magic[] = "TACITRES";

enum {
    S_SIGNED_SIZE = TACIT_RESULT_SIZE - crypto_sign_BYTES,
    S_RESERVED_SIZE = 96,
    S_FLAG_SIMULATED = 1,
    S_FLAG_DEBUG = 2,
    S_FLAGS = S_FLAG_SIMULATED | S_FLAG_DEBUG
};

void tacit_result_sign(tacit_result_t *result, const uint8_t secret_key[64],
                       uint8_t ret_bytes[TACIT_RESULT_SIZE])
{
    (void)crypto_sign_ed25519_sk_to_pk(result->issuer, secret_key);
    tacit_writer_t writer = tacit_writer(ret_bytes, TACIT_RESULT_SIZE, s_magic);
    tacit_writer_little(&writer, (uint64_t)result->role, 1);
    tacit_writer_little(
        &writer, (result->simulated ? S_FLAG_SIMULATED : 0U) | (result->debug ? S_FLAG_DEBUG : 0U),
        1);
    tacit_writer_little(&writer, (uint64_t)result->tcb_status, 1);
    tacit_writer_little(&writer, (uint64_t)result->tee, 1);
    tacit_writer_little(&writer, (uint64_t)result->tier, 1);
    (void)tacit_writer_take(&writer, 1);
    tacit_writer_little(&writer, result->product_id, 2);
    tacit_writer_little(&writer, result->svn, 2);
    (void)tacit_writer_take(&writer, 4);
    tacit_writer_little(&writer, result->issued_ms, 8);
    tacit_writer_little(&writer, result->expires_ms, 8);
    tacit_writer_bytes(&writer, result->curve_key, 32);
    tacit_writer_bytes(&writer, result->signing_key, 32);
    tacit_writer_bytes(&writer, result->attestation_key_sha256, 32);
    tacit_writer_bytes(&writer, result->mrenclave, 32);
    tacit_writer_bytes(&writer, result->mrsigner, 32);
    tacit_writer_bytes(&writer, result->platform_id, 16);
    tacit_writer_bytes(&writer, result->root_sha256, 32);
    tacit_writer_bytes(&writer, result->policy_head, 32);
    tacit_writer_bytes(&writer, result->mesh_id, 32);
    tacit_writer_bytes(&writer, result->issuer, 32);
    tacit_writer_little(&writer, result->policy_number, 8);
    (void)tacit_writer_take(&writer, S_RESERVED_SIZE);
    uint8_t *signature = tacit_writer_take(&writer, crypto_sign_BYTES);
    (void)crypto_sign_detached(signature, NULL, ret_bytes, S_SIGNED_SIZE, secret_key);
}

/*  Reads the signed part; false unless canonical and every value within its domain.  */
static bool s_decode(tacit_span_t bytes, tacit_result_t *result)
{
    tacit_cursor_t cursor = tacit_layout_cursor(bytes, s_magic);
    uint8_t role = tacit_cursor_u8(&cursor);
    uint8_t flags = tacit_cursor_u8(&cursor);
    uint8_t status = tacit_cursor_u8(&cursor);
    uint8_t tee = tacit_cursor_u8(&cursor);
    result->tier = (tacit_tier_t)tacit_cursor_u8(&cursor);
    tacit_cursor_zeroes(&cursor, 1);
    result->tee = (tacit_tee_t)tee;
    result->role = (tacit_role_t)role;
    result->simulated = (flags & S_FLAG_SIMULATED) != 0;
    result->debug = (flags & S_FLAG_DEBUG) != 0;
    result->tcb_status = (tacit_tcb_status_t)status;
    result->product_id = tacit_cursor_u16(&cursor);
    result->svn = tacit_cursor_u16(&cursor);
    tacit_cursor_zeroes(&cursor, 4);
    result->issued_ms = tacit_cursor_u64(&cursor);
    result->expires_ms = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, result->curve_key, 32);
    tacit_cursor_copy(&cursor, result->signing_key, 32);
    tacit_cursor_copy(&cursor, result->attestation_key_sha256, 32);
    tacit_cursor_copy(&cursor, result->mrenclave, 32);
    tacit_cursor_copy(&cursor, result->mrsigner, 32);
    tacit_cursor_copy(&cursor, result->platform_id, 16);
    tacit_cursor_copy(&cursor, result->root_sha256, 32);
    tacit_cursor_copy(&cursor, result->policy_head, 32);
    tacit_cursor_copy(&cursor, result->mesh_id, 32);
    tacit_cursor_copy(&cursor, result->issuer, 32);
    result->policy_number = tacit_cursor_u64(&cursor);
    tacit_cursor_zeroes(&cursor, S_RESERVED_SIZE);
    return tacit_cursor_done(&cursor) && tacit_role_is_enclave(result->role) &&
           (flags & ~S_FLAGS) == 0 && status < TACIT_TCB_STATUSES && tee < TACIT_TEES &&
           tacit_tier_name(result->tier) != NULL;
}

static tacit_status_t s_refuse(tacit_error_t *error, tacit_status_t code, const char *claim,
                               const char *expected, const char *got, const char *remedy)
{
    tacit_error_claim(error, code, claim, expected, got);
    tacit_error_remedy(error, "%s", remedy);
    return code;
}

static tacit_status_t s_check_time(const tacit_result_t *result, uint64_t now_ms,
                                   tacit_error_t *error)
{
    char got[TACIT_ERROR_VALUE_MAX];
    snprintf(got, sizeof got, "issued %" PRIu64 ", expires %" PRIu64 ", now %" PRIu64,
             result->issued_ms, result->expires_ms, now_ms);
    if (result->expires_ms <= result->issued_ms ||
        result->expires_ms - result->issued_ms > TACIT_RESULT_LIFETIME_MS) {
        return s_refuse(error, TACIT_RESULT_INVALID, "result.expires",
                        "after it was issued, by the lifetime at most", got, "attest anew");
    }
    if (result->issued_ms > now_ms && result->issued_ms - now_ms > TACIT_RESULT_CLOCK_SKEW_MS) {
        return s_refuse(error, TACIT_RESULT_INVALID, "result.issued", "not in the future", got,
                        "synchronise the clocks of both hosts");
    }
    if (now_ms >= result->expires_ms) {
        return s_refuse(error, TACIT_RESULT_EXPIRED, "result.expires", "in the future", got,
                        "attest anew");
    }
    return TACIT_OK;
}

tacit_status_t tacit_result_verify(tacit_span_t bytes, const uint8_t issuer[32],
                                   const uint8_t mesh_id[32], uint64_t now_ms,
                                   tacit_result_t *ret_result, tacit_error_t *ret_error)
{
    tacit_result_t result = {0};
    if (bytes.size != TACIT_RESULT_SIZE) {
        return s_refuse(ret_error, TACIT_RESULT_INVALID, "result", "512 bytes", "another size", "");
    }
    if (crypto_sign_verify_detached(bytes.data + S_SIGNED_SIZE, bytes.data, S_SIGNED_SIZE,
                                    issuer) != 0) {
        return s_refuse(ret_error, TACIT_RESULT_INVALID, "result.signature",
                        "by the attestation service's result key", "does not verify",
                        "the attestation service may have restarted: verify it and attest anew");
    }
    if (!s_decode(tacit_span(bytes.data, S_SIGNED_SIZE), &result) ||
        memcmp(result.issuer, issuer, 32) != 0) {
        return s_refuse(ret_error, TACIT_RESULT_INVALID, "result", "a canonical result",
                        "unknown, out of range or reserved bytes", "run one version everywhere");
    }
    if (memcmp(result.mesh_id, mesh_id, 32) != 0) {
        return s_refuse(ret_error, TACIT_RESULT_INVALID, "result.mesh_id", "this mesh",
                        "another mesh", "use the trust file of this mesh");
    }
    tacit_status_t status = s_check_time(&result, now_ms, ret_error);
    if (status == TACIT_OK) {
        *ret_result = result;
    }
    return status;
}
