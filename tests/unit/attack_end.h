/*  attack_end.h - one end of an attested channel as a test double: it quotes and judges as
    enclave/schedule.c and enclave/peer_evidence.c do, defence by defence.

    attack_end.c is built once whole, and once for each attack without the defence that stops it: an
    attack that the whole end refuses and the crippled one accepts is stopped by that defence, and
    by nothing else that happened to be in the way.  */

#ifndef TACIT_TESTS_ATTACK_END_H
#define TACIT_TESTS_ATTACK_END_H

#include "enclave/evidence.h"
#include "enclave/result.h"
#include "enclave/schedule.h"

enum { ATTACK_USED_MAX = 8 };

/*  A channel as one end sees it.  */
typedef struct attack_channel {
    tacit_schedule_facts_t facts;
    tacit_side_t side; /* own */
    uint8_t ephemeral_secret[32];
} attack_channel_t;

/*  What an end trusts, expects and remembers.  */
typedef struct attack_mind {
    uint8_t issuer[32];
    uint8_t policy_head[32]; /* in force */
    uint8_t platform[16];    /* the only one that is to be spoken to */
    uint8_t root_sha256[32];
    uint64_t now_ms;
    tacit_collateral_marks_t marks; /* believed so far */
    uint8_t used[ATTACK_USED_MAX][32];
    size_t used_count;
} attack_mind_t;

typedef struct attack_end {
    /*  What that side's quote commits to.  */
    void (*commit)(const attack_channel_t *channel, tacit_side_t side, uint8_t ret_commitment[64]);
    /*  Result and fresh quote of the peer on this channel, once.  */
    tacit_status_t (*judge_peer)(attack_mind_t *mind, const attack_channel_t *channel,
                                 tacit_span_t result, tacit_span_t quote);
    /*  Evidence with collateral, as the attestation service judges it.  */
    tacit_status_t (*judge_evidence)(attack_mind_t *mind, tacit_span_t quote,
                                     const tacit_collateral_t *collateral);
} attack_end_t;

extern const attack_end_t attack_end_whole;
extern const attack_end_t attack_end_relay; /* without what stops it, as all below */
extern const attack_end_t attack_end_replay;
extern const attack_end_t attack_end_reflection;
extern const attack_end_t attack_end_diversion;
extern const attack_end_t attack_end_collateral;
extern const attack_end_t attack_end_policy;
extern const attack_end_t attack_end_role;
extern const attack_end_t attack_end_malleation;

#endif
