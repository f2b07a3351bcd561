/*  attack_end.c - see attack_end.h. ATTACK_END names the end that is built, and one of the
    ATTACK_LACKS_ definitions what it lacks.  */

#include "tests/unit/attack_end.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/platform.h"
#include "enclave/seal.h"

static tacit_side_t s_other(tacit_side_t side)
{
    return side == TACIT_SIDE_CLIENT ? TACIT_SIDE_SERVER : TACIT_SIDE_CLIENT;
}

/*  --- what a quote commits to ----------------------------------------------------------------- */

#if defined(ATTACK_LACKS_CHANNEL) || defined(ATTACK_LACKS_FRESHNESS)

/*  The server's key and nonces, as in known designs, but not both keys and not the DH secret; or
    both keys, and nothing that is fresh.  */
static void s_commit(const attack_channel_t *channel, tacit_side_t side, uint8_t ret_commitment[64])
{
    const tacit_schedule_end_t *ends = channel->facts.ends;
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/test/commitment");
    tacit_transcript_add_u64(&transcript, (uint64_t)side);
    tacit_transcript_add(&transcript, tacit_span(ends[TACIT_SIDE_SERVER].curve, 32));
#ifdef ATTACK_LACKS_FRESHNESS
    tacit_transcript_add(&transcript, tacit_span(ends[TACIT_SIDE_CLIENT].curve, 32));
#else
    tacit_transcript_add(&transcript, tacit_span(ends[TACIT_SIDE_CLIENT].nonce, 32));
    tacit_transcript_add(&transcript, tacit_span(ends[TACIT_SIDE_SERVER].nonce, 32));
#endif
    crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
}

#else

static void s_commit(const attack_channel_t *channel, tacit_side_t side, uint8_t ret_commitment[64])
{
    tacit_schedule_facts_t facts = channel->facts;
    tacit_schedule_t schedule;
#ifdef ATTACK_LACKS_SIDE
    side = TACIT_SIDE_SERVER;
#endif
#ifdef ATTACK_LACKS_ROLE
    facts.ends[TACIT_SIDE_SERVER].role = TACIT_ROLE_NONE;
#endif
    if (tacit_schedule_start(&facts, channel->side, channel->ephemeral_secret, &schedule)) {
        abort();
    }
    tacit_schedule_commitment(&schedule, side, ret_commitment);
    tacit_schedule_clear(&schedule);
}

#endif

/*  --- judging a peer -------------------------------------------------------------------------- */

static tacit_status_t s_use_once(attack_mind_t *mind, const uint8_t id[32])
{
    for (size_t i = 0; i < mind->used_count; i++) {
        if (memcmp(mind->used[i], id, 32) == 0) {
            return TACIT_PROTOCOL_ERROR;
        }
    }
    if (mind->used_count == ATTACK_USED_MAX) {
        abort();
    }
    memcpy(mind->used[mind->used_count++], id, 32);
    return TACIT_OK;
}

static tacit_status_t s_judge_result(const attack_mind_t *mind, const attack_channel_t *channel,
                                     tacit_span_t bytes, tacit_result_t *ret_result)
{
    const tacit_schedule_end_t *peer = &channel->facts.ends[s_other(channel->side)];
    tacit_status_t status = tacit_result_verify(bytes, mind->issuer, channel->facts.mesh_id,
                                                mind->now_ms, ret_result, NULL);
    if (status) {
        return status;
    }
    if (memcmp(ret_result->curve_key, peer->curve, 32) != 0) {
        return TACIT_RESULT_INVALID;
    }
#ifndef ATTACK_LACKS_ROLE
    if (ret_result->role != peer->role) {
        return TACIT_ROLE_REFUSED;
    }
#endif
#ifndef ATTACK_LACKS_HEAD
    if (memcmp(ret_result->policy_head, mind->policy_head, 32) != 0) {
        return TACIT_RESULT_INVALID;
    }
#endif
#ifndef ATTACK_LACKS_PLATFORM
    if (memcmp(ret_result->platform_id, mind->platform, 16) != 0) {
        return TACIT_PLATFORM_REFUSED;
    }
#endif
    return TACIT_OK;
}

static tacit_status_t s_judge_quote(const attack_channel_t *channel, const tacit_result_t *result,
                                    tacit_span_t quote)
{
    tacit_claims_t claims;
    uint8_t commitment[64];
    uint8_t report_data[64];
    tacit_status_t status = tacit_evidence_verify_report(quote, &claims, NULL);
    if (status) {
        return status;
    }
    if (memcmp(claims.attestation_key_sha256, result->attestation_key_sha256, 32) != 0 ||
        memcmp(claims.mrenclave, result->mrenclave, 32) != 0) {
        return TACIT_RESULT_INVALID;
    }
    s_commit(channel, s_other(channel->side), commitment);
    tacit_report_data(TACIT_QUOTE_BINDING, commitment, report_data);
    return memcmp(report_data, claims.report_data, sizeof report_data) == 0
               ? TACIT_OK
               : TACIT_REPORT_DATA_MISMATCH;
}

static tacit_status_t s_judge_peer(attack_mind_t *mind, const attack_channel_t *channel,
                                   tacit_span_t result, tacit_span_t quote)
{
    tacit_result_t judged;
    tacit_status_t status = s_judge_result(mind, channel, result, &judged);
    if (!status) {
        status = s_judge_quote(channel, &judged, quote);
    }
    if (status) {
        return status;
    }
#ifdef ATTACK_LACKS_NONCES
    uint8_t id[32]; /* the quote, as if its bytes were its identity */
    crypto_hash_sha256(id, quote.data, quote.size);
    return s_use_once(mind, id);
#else
    return s_use_once(mind, channel->facts.ends[channel->side].nonce);
#endif
}

/*  --- judging evidence ------------------------------------------------------------------------ */

static tacit_status_t s_judge_evidence(attack_mind_t *mind, tacit_span_t quote,
                                       const tacit_collateral_t *collateral)
{
    tacit_claims_t claims;
    tacit_status_t status =
        tacit_evidence_verify(quote, collateral, mind->root_sha256, mind->now_ms, &claims, NULL);
#ifndef ATTACK_LACKS_MARKS
    if (!status) {
        status = tacit_collateral_marks_check(&mind->marks, &claims.marks, NULL);
    }
#endif
    if (!status) {
        tacit_collateral_marks_raise(&mind->marks, &claims.marks);
    }
    return status;
}

const attack_end_t ATTACK_END = {
    .commit = s_commit, .judge_peer = s_judge_peer, .judge_evidence = s_judge_evidence};
