/*  binding_internal.h - what the files of the binding share: its states are in binding.c, evidence,
    keys and confirmation in binding_proof.c, the steps of either side in binding_client.c and
    binding_server.c. Nobody else includes this.  */

#ifndef TACIT_ENCLAVE_BINDING_INTERNAL_H
#define TACIT_ENCLAVE_BINDING_INTERNAL_H

#include "enclave/binding.h"
#include "enclave/schedule.h"

typedef enum tacit__binding_state {
    TACIT__BINDING_NEW,
    TACIT__BINDING_OPENED,
    TACIT__BINDING_CONFIRMED,
    TACIT__BINDING_ACCEPTED,
    TACIT__BINDING_ESTABLISHED,
    TACIT__BINDING_FAILED
} tacit__binding_state_t;

typedef enum tacit__binding_step {
    TACIT__STEP_CLIENT,
    TACIT__STEP_CLIENT_CONFIRM,
    TACIT__STEP_CLIENT_FINISH,
    TACIT__STEP_SERVER,
    TACIT__STEP_SERVER_FINISH
} tacit__binding_step_t;

struct tacit_binding {
    tacit__binding_state_t state;
    tacit_side_t side;            /* which one this is */
    tacit_schedule_facts_t facts; /* both ends, as far as known */
    tacit_schedule_t schedule;    /* once both ephemeral keys are known */
    tacit_secret_t *ephemeral;    /* X25519 secret, until the schedule is made */
    tacit_platform_t *platform;   /* borrowed; NULL where no enclave */
    bool has_issuer;
    uint8_t issuer[32];
    uint64_t opened_ms;                /* when the own nonce was made, Unix ms */
    uint64_t expires_ms;               /* of the session to be */
    uint8_t result[TACIT_RESULT_SIZE]; /* own, where an enclave */
    uint8_t quote[TACIT_QUOTE_MAX];    /* own, over this channel */
    size_t quote_size;                 /* 0 where no enclave */
    bool peer_attested;
    tacit_result_t peer_result;
    uint8_t evidence[TACIT_SCHEDULE_HASH_SIZE]; /* H */
};

static inline tacit_schedule_end_t *tacit__binding_own(tacit_binding_t *self)
{
    return &self->facts.ends[self->side];
}

static inline tacit_side_t tacit__binding_peer_side(const tacit_binding_t *self)
{
    return self->side == TACIT_SIDE_CLIENT ? TACIT_SIDE_SERVER : TACIT_SIDE_CLIENT;
}

static inline tacit_schedule_end_t *tacit__binding_peer(tacit_binding_t *self)
{
    return &self->facts.ends[tacit__binding_peer_side(self)];
}

/*  --- states (binding.c) ---------------------------------------------------------------------- */

/*  A step in its order; failed until its end says otherwise, which wipes the keys where it did.  */
tacit_status_t tacit__binding_begin(tacit_binding_t *self, tacit__binding_step_t step,
                                    tacit_error_t *error);
tacit_status_t tacit__binding_end(tacit_binding_t *self, tacit__binding_step_t step,
                                  tacit_status_t status);
bool tacit__binding_role_known(tacit_role_t role);
/*  A binding with its own end filled in.  */
tacit_status_t tacit__binding_new(tacit_side_t side, const tacit_party_t *party,
                                  const uint8_t peer_curve[32], tacit_binding_t **ret_binding);

/*  --- proof (binding_proof.c) ----------------------------------------------------------------- */

tacit_status_t tacit__binding_check_age(const tacit_binding_t *self, uint64_t now_ms,
                                        tacit_error_t *error);
/*  The schedule, from both ephemeral keys.  */
tacit_status_t tacit__binding_derive(tacit_binding_t *self, tacit_error_t *error);
/*  Own evidence, and the peer's.  */
tacit_status_t tacit__binding_prove(tacit_binding_t *self, uint64_t now_ms, tacit_error_t *error);
tacit_span_t tacit__binding_own_result(const tacit_binding_t *self);
tacit_span_t tacit__binding_own_quote(const tacit_binding_t *self);
tacit_status_t tacit__binding_judge(tacit_binding_t *self, uint64_t now_ms, tacit_span_t result,
                                    tacit_span_t quote, tacit_error_t *error);
/*  Confirmation over both, then the session.  */
void tacit__binding_hash_evidence(tacit_binding_t *self, tacit_span_t peer_result,
                                  tacit_span_t peer_quote);
void tacit__binding_make_mac(const tacit_binding_t *self, tacit_side_t side, uint8_t ret_mac[64]);
tacit_status_t tacit__binding_check_mac(const tacit_binding_t *self, const uint8_t mac[64],
                                        tacit_error_t *error);
tacit_status_t tacit__binding_establish(tacit_binding_t *self, tacit_session_t **ret_session,
                                        tacit_error_t *error);

#endif
