/*  binding_client.c - the steps of who connects.  */

#include "enclave/binding_internal.h"

#include "enclave/clock.h"

tacit_status_t tacit_binding_client(const tacit_party_t *party, const uint8_t peer_curve[32],
                                    tacit_role_t peer_role, tacit_binding_t **ret_binding,
                                    tacit_binding_open_t *ret_open)
{
    tacit_binding_t *self = NULL;
    if (!tacit__binding_role_known(peer_role)) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = tacit__binding_new(TACIT_SIDE_CLIENT, party, peer_curve, &self);
    if (status != TACIT_OK) {
        return status;
    }
    tacit__binding_peer(self)->role = peer_role;
    self->opened_ms = tacit_now_ms();
    ret_open->role = (uint8_t)tacit__binding_own(self)->role;
    memcpy(ret_open->mesh_id, self->facts.mesh_id, sizeof ret_open->mesh_id);
    memcpy(ret_open->nonce, tacit__binding_own(self)->nonce, sizeof ret_open->nonce);
    memcpy(ret_open->ephemeral, tacit__binding_own(self)->ephemeral, sizeof ret_open->ephemeral);
    *ret_binding = self;
    return tacit__binding_end(self, TACIT__STEP_CLIENT, TACIT_OK);
}

static tacit_status_t s_client_confirm(tacit_binding_t *self, uint64_t now_ms,
                                       const tacit_binding_accept_t *accept, tacit_error_t *error)
{
    self->expires_ms = now_ms + TACIT_SESSION_LIFETIME_MS;
    memcpy(self->facts.session_id, accept->session_id, sizeof self->facts.session_id);
    memcpy(self->facts.policy_head, accept->policy_head, sizeof self->facts.policy_head);
    memcpy(tacit__binding_peer(self)->nonce, accept->nonce, sizeof accept->nonce);
    memcpy(tacit__binding_peer(self)->ephemeral, accept->ephemeral, sizeof accept->ephemeral);
    tacit_status_t status = tacit__binding_check_age(self, now_ms, error);
    if (status == TACIT_OK) {
        status = tacit__binding_derive(self, error);
    }
    if (status == TACIT_OK) {
        status = tacit__binding_judge(self, now_ms, accept->result, accept->quote, error);
    }
    if (status == TACIT_OK) {
        status = tacit__binding_prove(self, now_ms, error);
    }
    return status;
}

tacit_status_t tacit_binding_client_confirm(tacit_binding_t *binding, uint64_t now_ms,
                                            const tacit_binding_accept_t *accept,
                                            tacit_binding_confirm_t *ret_confirm,
                                            tacit_error_t *ret_error)
{
    tacit_status_t status = tacit__binding_begin(binding, TACIT__STEP_CLIENT_CONFIRM, ret_error);
    if (status == TACIT_OK) {
        status = tacit__binding_end(binding, TACIT__STEP_CLIENT_CONFIRM,
                                    s_client_confirm(binding, now_ms, accept, ret_error));
    }
    if (status == TACIT_OK) {
        tacit__binding_hash_evidence(binding, accept->result, accept->quote);
        ret_confirm->result = tacit__binding_own_result(binding);
        ret_confirm->quote = tacit__binding_own_quote(binding);
        tacit__binding_make_mac(binding, TACIT_SIDE_CLIENT, ret_confirm->mac);
    }
    return status;
}

tacit_status_t tacit_binding_client_finish(tacit_binding_t *binding, const uint8_t mac[64],
                                           tacit_session_t **ret_session, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit__binding_begin(binding, TACIT__STEP_CLIENT_FINISH, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit__binding_check_mac(binding, mac, ret_error);
    if (status == TACIT_OK) {
        status = tacit__binding_establish(binding, ret_session, ret_error);
    }
    return tacit__binding_end(binding, TACIT__STEP_CLIENT_FINISH, status);
}
