/*  schedule.c - transcript hash, Diffie-Hellman, HKDF-SHA512 (RFC 5869) on libsodium's HMAC.

    One block of HKDF-Expand is all that is ever asked for: HMAC(K, info || 1).  */

#include "enclave/schedule.h"

#include "enclave/seal.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(crypto_auth_hmacsha512_BYTES == TACIT_SCHEDULE_HASH_SIZE, "hash size");
_Static_assert(crypto_scalarmult_BYTES == 32 && crypto_scalarmult_SCALARBYTES == 32, "X25519");

static const char *const s_sides[] = {
    [TACIT_SIDE_CLIENT] = "client",
    [TACIT_SIDE_SERVER] = "server",
};

static void s_hash_facts(const tacit_schedule_facts_t *facts,
                         uint8_t ret_hash[TACIT_SCHEDULE_HASH_SIZE])
{
    const tacit_schedule_end_t *client = &facts->ends[TACIT_SIDE_CLIENT];
    const tacit_schedule_end_t *server = &facts->ends[TACIT_SIDE_SERVER];
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/binding/v1");
    tacit_transcript_add_u64(&transcript, (uint64_t)client->role);
    tacit_transcript_add_u64(&transcript, (uint64_t)server->role);
    tacit_transcript_add(&transcript, tacit_span(client->curve, 32));
    tacit_transcript_add(&transcript, tacit_span(server->curve, 32));
    tacit_transcript_add(&transcript, tacit_span(client->ephemeral, 32));
    tacit_transcript_add(&transcript, tacit_span(server->ephemeral, 32));
    tacit_transcript_add(&transcript, tacit_span(client->nonce, 32));
    tacit_transcript_add(&transcript, tacit_span(server->nonce, 32));
    tacit_transcript_add(&transcript, tacit_span_string(tacit_role_name(server->role)));
    tacit_transcript_add(&transcript, tacit_span(facts->mesh_id, 32));
    tacit_transcript_add(&transcript, tacit_span(facts->policy_head, 32));
    tacit_transcript_add(&transcript, tacit_span(facts->session_id, sizeof facts->session_id));
    (void)crypto_hash_sha512(ret_hash, transcript.data, transcript.size);
}

static void s_hmac(tacit_span_t key, tacit_span_t message, tacit_span_t tail,
                   uint8_t ret_mac[TACIT_SCHEDULE_HASH_SIZE])
{
    crypto_auth_hmacsha512_state state;
    (void)crypto_auth_hmacsha512_init(&state, key.data, key.size);
    (void)crypto_auth_hmacsha512_update(&state, message.data, message.size);
    (void)crypto_auth_hmacsha512_update(&state, tail.data, tail.size);
    (void)crypto_auth_hmacsha512_final(&state, ret_mac);
    sodium_memzero(&state, sizeof state);
}

tacit_status_t tacit_schedule_start(const tacit_schedule_facts_t *facts, tacit_side_t own_side,
                                    const uint8_t ephemeral_secret[32],
                                    tacit_schedule_t *ret_schedule)
{
    tacit_schedule_t schedule = {.root = NULL};
    uint8_t shared[crypto_scalarmult_BYTES];
    const tacit_schedule_end_t *peer =
        &facts->ends[own_side == TACIT_SIDE_CLIENT ? TACIT_SIDE_SERVER : TACIT_SIDE_CLIENT];
    tacit_status_t status = tacit_secret_new(TACIT_SCHEDULE_HASH_SIZE, &schedule.root);
    if (status != TACIT_OK) {
        goto out;
    }
    status = TACIT_PROTOCOL_ERROR;
    if (crypto_scalarmult(shared, ephemeral_secret, peer->ephemeral) != 0) {
        goto out;
    }
    s_hash_facts(facts, schedule.transcript);
    s_hmac(tacit_span(schedule.transcript, sizeof schedule.transcript),
           tacit_span(shared, sizeof shared), tacit_span(NULL, 0), schedule.root->data);
    *ret_schedule = schedule;
    schedule.root = NULL;
    status = TACIT_OK;
out:
    tacit_secret_destroy(&schedule.root);
    sodium_memzero(shared, sizeof shared);
    return status;
}

void tacit_schedule_clear(tacit_schedule_t *schedule)
{
    tacit_secret_destroy(&schedule->root);
    sodium_memzero(schedule, sizeof *schedule);
}

void tacit_schedule_expand(const tacit_schedule_t *schedule, const char *label, tacit_side_t side,
                           tacit_span_t context, uint8_t *ret_bytes, size_t size)
{
    static const uint8_t block = 1;
    uint8_t expanded[TACIT_SCHEDULE_HASH_SIZE];
    if (size > sizeof expanded) {
        abort(); /* programmer error: a second block is never needed */
    }
    tacit_transcript_t info;
    tacit_transcript_start(&info, label);
    tacit_transcript_add(&info, tacit_span_string(s_sides[side]));
    tacit_transcript_add(&info, context);
    s_hmac(tacit_secret_span(schedule->root), tacit_transcript_span(&info), tacit_span(&block, 1),
           expanded);
    memcpy(ret_bytes, expanded, size);
    sodium_memzero(expanded, sizeof expanded);
}

void tacit_schedule_commitment(const tacit_schedule_t *schedule, tacit_side_t side,
                               uint8_t ret_commitment[TACIT_SCHEDULE_HASH_SIZE])
{
    uint8_t bind[TACIT_SCHEDULE_HASH_SIZE];
    tacit_schedule_expand(schedule, "tacit/binding/bind/v1", side, tacit_span(NULL, 0), bind,
                          sizeof bind);
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/binding/rd/v1");
    tacit_transcript_add(&transcript, tacit_span_string(s_sides[side]));
    tacit_transcript_add(&transcript,
                         tacit_span(schedule->transcript, sizeof schedule->transcript));
    tacit_transcript_add(&transcript, tacit_span(bind, sizeof bind));
    (void)crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
    sodium_memzero(&transcript, sizeof transcript);
    sodium_memzero(bind, sizeof bind);
}
