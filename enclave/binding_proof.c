/*  binding_proof.c - what either side shows and checks: age, key schedule, evidence, confirmation.
 */

#include "enclave/binding_internal.h"

#include "enclave/peer_evidence.h"
#include "enclave/seal.h"

#include <sodium.h>
#include <stdlib.h>

/*  The clock may step either way between two messages; far enough either way is too old.  */
tacit_status_t tacit__binding_check_age(const tacit_binding_t *self, uint64_t now_ms,
                                        tacit_error_t *error)
{
    uint64_t age = now_ms > self->opened_ms ? now_ms - self->opened_ms : self->opened_ms - now_ms;
    if (age > TACIT_BINDING_OPEN_MS) {
        tacit_error_claim(error, TACIT_NONCE_REFUSED, "binding.nonce", "at most 30 s old", "older");
        tacit_error_remedy(error, "connect again");
        return TACIT_NONCE_REFUSED;
    }
    return TACIT_OK;
}

/*  Nothing of the peer's may be one's own: that would be one's own words coming back.  */
static tacit_status_t s_check_reflection(tacit_binding_t *self, tacit_error_t *error)
{
    const tacit_schedule_end_t *own = tacit__binding_own(self);
    const tacit_schedule_end_t *peer = tacit__binding_peer(self);
    if (memcmp(own->curve, peer->curve, 32) == 0 ||
        memcmp(own->ephemeral, peer->ephemeral, 32) == 0 ||
        memcmp(own->nonce, peer->nonce, 32) == 0) {
        return tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.peer",
                                 "keys and nonce of its own", "those of this side");
    }
    return TACIT_OK;
}

tacit_status_t tacit__binding_derive(tacit_binding_t *self, tacit_error_t *error)
{
    tacit_status_t status = s_check_reflection(self, error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit_schedule_start(&self->facts, self->side, self->ephemeral->data, &self->schedule);
    tacit_secret_destroy(&self->ephemeral);
    if (status == TACIT_PROTOCOL_ERROR) {
        return tacit_error_claim(error, status, "binding.ephemeral", "an X25519 key of full order",
                                 "a point of small order");
    }
    return status == TACIT_OK ? status : tacit_error_set(error, status, NULL);
}

/*  No session outlives what vouches for its ends.  */
static void s_expire_by(tacit_binding_t *self, uint64_t expires_ms)
{
    if (self->expires_ms > expires_ms) {
        self->expires_ms = expires_ms;
    }
}

/*  Own quote over this channel, and when one's own result ends. Nothing where no enclave.  */
tacit_status_t tacit__binding_prove(tacit_binding_t *self, uint64_t now_ms, tacit_error_t *error)
{
    uint8_t commitment[TACIT_SCHEDULE_HASH_SIZE];
    tacit_result_t result = {0};
    if (!tacit_role_is_enclave(tacit__binding_own(self)->role)) {
        return TACIT_OK;
    }
    if (!self->has_issuer) {
        return tacit_error_claim(error, TACIT_RESULT_INVALID, "own result.issuer",
                                 "the attestation service", "none is trusted here yet");
    }
    tacit_status_t status =
        tacit_result_verify(tacit_span(self->result, sizeof self->result), self->issuer,
                            self->facts.mesh_id, now_ms, &result, error);
    if (status != TACIT_OK) {
        return status;
    }
    s_expire_by(self, result.expires_ms);
    tacit_schedule_commitment(&self->schedule, self->side, commitment);
    return tacit_platform_quote(self->platform, TACIT_QUOTE_BINDING, commitment, self->quote,
                                &self->quote_size, error);
}

tacit_span_t tacit__binding_own_result(const tacit_binding_t *self)
{
    return self->quote_size > 0 ? tacit_span(self->result, sizeof self->result)
                                : tacit_span(NULL, 0);
}

tacit_span_t tacit__binding_own_quote(const tacit_binding_t *self)
{
    return self->quote_size > 0 ? tacit_span(self->quote, self->quote_size) : tacit_span(NULL, 0);
}

/*  Enclaves need evidence; a peer that is its key alone must send none.  */
tacit_status_t tacit__binding_judge(tacit_binding_t *self, uint64_t now_ms, tacit_span_t result,
                                    tacit_span_t quote, tacit_error_t *error)
{
    uint8_t commitment[TACIT_SCHEDULE_HASH_SIZE];
    if (!tacit_role_is_enclave(tacit__binding_peer(self)->role)) {
        return result.size == 0 && quote.size == 0
                   ? TACIT_OK
                   : tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.evidence",
                                       "none from who is no enclave", "some");
    }
    tacit_schedule_commitment(&self->schedule, tacit__binding_peer_side(self), commitment);
    const tacit_peer_expected_t expected = {
        .issuer = self->has_issuer ? self->issuer : NULL,
        .mesh_id = self->facts.mesh_id,
        .curve_key = tacit__binding_peer(self)->curve,
        .policy_head = self->side == TACIT_SIDE_CLIENT ? self->facts.policy_head : NULL,
        .commitment = commitment,
        .role = tacit__binding_peer(self)->role,
        .now_ms = now_ms,
    };
    tacit_status_t status =
        tacit_peer_evidence_judge(&expected, result, quote, &self->peer_result, error);
    if (status == TACIT_OK) {
        self->peer_attested = true;
        s_expire_by(self, self->peer_result.expires_ms);
    }
    return status;
}

void tacit__binding_hash_evidence(tacit_binding_t *self, tacit_span_t peer_result,
                                  tacit_span_t peer_quote)
{
    bool client = self->side == TACIT_SIDE_CLIENT;
    const tacit_span_t parts[] = {
        client ? peer_result : tacit__binding_own_result(self),
        client ? peer_quote : tacit__binding_own_quote(self),
        client ? tacit__binding_own_result(self) : peer_result,
        client ? tacit__binding_own_quote(self) : peer_quote,
    };
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint8_t size[8];
        for (size_t k = 0; k < sizeof size; k++) {
            size[k] = (uint8_t)((uint64_t)parts[i].size >> (8 * k));
        }
        (void)crypto_hash_sha512_update(&state, size, sizeof size);
        (void)crypto_hash_sha512_update(&state, parts[i].data, parts[i].size);
    }
    (void)crypto_hash_sha512_final(&state, self->evidence);
}

static void s_expand(const tacit_binding_t *self, const char *label, tacit_side_t side,
                     uint8_t *ret_bytes, size_t size)
{
    tacit_schedule_expand(&self->schedule, label, side,
                          tacit_span(self->evidence, sizeof self->evidence), ret_bytes, size);
}

void tacit__binding_make_mac(const tacit_binding_t *self, tacit_side_t side, uint8_t ret_mac[64])
{
    s_expand(self, "tacit/binding/confirm/v1", side, ret_mac, 64);
}

tacit_status_t tacit__binding_check_mac(const tacit_binding_t *self, const uint8_t mac[64],
                                        tacit_error_t *error)
{
    uint8_t expected[64];
    tacit__binding_make_mac(self, tacit__binding_peer_side(self), expected);
    bool equal = sodium_memcmp(expected, mac, sizeof expected) == 0;
    sodium_memzero(expected, sizeof expected);
    return equal ? TACIT_OK
                 : tacit_error_claim(error, TACIT_CONFIRMATION_FAILED, "binding.mac",
                                     "one over this channel's evidence", "another");
}

static tacit_status_t s_make_key(const tacit_binding_t *self, tacit_side_t side,
                                 tacit_secret_t **ret_key)
{
    tacit_status_t status = tacit_secret_new(TACIT_KEY_SIZE, ret_key);
    if (status == TACIT_OK) {
        s_expand(self, "tacit/binding/key/v1", side, (*ret_key)->data, TACIT_KEY_SIZE);
    }
    return status;
}

tacit_status_t tacit__binding_establish(tacit_binding_t *self, tacit_session_t **ret_session,
                                        tacit_error_t *error)
{
    tacit_session_t *session = calloc(1, sizeof *session);
    tacit_status_t status = session ? TACIT_OK : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        status = s_make_key(self, self->side, &session->send_key);
    }
    if (status == TACIT_OK) {
        status = s_make_key(self, tacit__binding_peer_side(self), &session->receive_key);
    }
    if (status != TACIT_OK) {
        tacit_session_destroy(&session);
        return tacit_error_set(error, status, NULL);
    }
    memcpy(session->id, self->facts.session_id, sizeof session->id);
    session->peer_role = tacit__binding_peer(self)->role;
    memcpy(session->peer_curve, tacit__binding_peer(self)->curve, sizeof session->peer_curve);
    session->peer_attested = self->peer_attested;
    session->peer_result = self->peer_result;
    memcpy(session->policy_head, self->facts.policy_head, sizeof session->policy_head);
    session->expires_ms = self->expires_ms;
    s_expand(self, "tacit/binding/exporter/v1", TACIT_SIDE_SERVER, session->exporter,
             sizeof session->exporter);
    tacit_schedule_clear(&self->schedule);
    *ret_session = session;
    return TACIT_OK;
}
