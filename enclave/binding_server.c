/*  binding_server.c - the steps of who is connected to.  */

#include "enclave/binding_internal.h"

#include <sodium.h>

static tacit_status_t s_check_open(const tacit_party_t *party, const tacit_binding_open_t *open,
                                   tacit_error_t *error)
{
    if (memcmp(open->mesh_id, party->mesh_id, sizeof open->mesh_id) != 0) {
        tacit_error_claim(error, TACIT_WRONG_MESH, "binding.mesh_id", "this mesh", "another mesh");
        tacit_error_remedy(error, "use the trust file of this mesh");
        return TACIT_WRONG_MESH;
    }
    if (!tacit__binding_role_known((tacit_role_t)open->role)) {
        return tacit_error_claim(error, TACIT_ROLE_REFUSED, "binding.role", "a role of this mesh",
                                 "an unknown one");
    }
    return TACIT_OK;
}

static tacit_status_t s_server(tacit_binding_t *self, const tacit_party_t *party, uint64_t now_ms,
                               const tacit_binding_open_t *open, tacit_error_t *error)
{
    self->opened_ms = now_ms;
    self->expires_ms = now_ms + TACIT_SESSION_LIFETIME_MS;
    tacit__binding_peer(self)->role = (tacit_role_t)open->role;
    memcpy(tacit__binding_peer(self)->nonce, open->nonce, sizeof open->nonce);
    memcpy(tacit__binding_peer(self)->ephemeral, open->ephemeral, sizeof open->ephemeral);
    memcpy(self->facts.policy_head, party->policy_head, sizeof self->facts.policy_head);
    randombytes_buf(self->facts.session_id, sizeof self->facts.session_id);
    tacit_status_t status = tacit__binding_derive(self, error);
    return status == TACIT_OK ? tacit__binding_prove(self, now_ms, error) : status;
}

tacit_status_t tacit_binding_server(const tacit_party_t *party, const uint8_t peer_curve[32],
                                    uint64_t now_ms, const tacit_binding_open_t *open,
                                    tacit_binding_t **ret_binding,
                                    tacit_binding_accept_t *ret_accept, tacit_error_t *ret_error)
{
    tacit_binding_t *self = NULL;
    tacit_status_t status = s_check_open(party, open, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit__binding_new(TACIT_SIDE_SERVER, party, peer_curve, &self);
    if (status != TACIT_OK) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = tacit__binding_end(self, TACIT__STEP_SERVER,
                                s_server(self, party, now_ms, open, ret_error));
    if (status != TACIT_OK) {
        tacit_binding_destroy(&self);
        return status;
    }
    memcpy(ret_accept->session_id, self->facts.session_id, sizeof ret_accept->session_id);
    memcpy(ret_accept->policy_head, self->facts.policy_head, sizeof ret_accept->policy_head);
    memcpy(ret_accept->nonce, tacit__binding_own(self)->nonce, sizeof ret_accept->nonce);
    memcpy(ret_accept->ephemeral, tacit__binding_own(self)->ephemeral,
           sizeof ret_accept->ephemeral);
    ret_accept->result = tacit__binding_own_result(self);
    ret_accept->quote = tacit__binding_own_quote(self);
    *ret_binding = self;
    return TACIT_OK;
}

static tacit_status_t s_server_finish(tacit_binding_t *self, uint64_t now_ms,
                                      const tacit_binding_confirm_t *confirm, uint8_t ret_mac[64],
                                      tacit_session_t **ret_session, tacit_error_t *error)
{
    uint8_t mac[64];
    tacit_status_t status = tacit__binding_check_age(self, now_ms, error);
    if (status == TACIT_OK) {
        status = tacit__binding_judge(self, now_ms, confirm->result, confirm->quote, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    tacit__binding_hash_evidence(self, confirm->result, confirm->quote);
    status = tacit__binding_check_mac(self, confirm->mac, error);
    if (status == TACIT_OK && now_ms >= self->expires_ms) {
        status = tacit_error_claim(error, TACIT_RESULT_EXPIRED, "own result.expires",
                                   "in the future", "ended while this channel was opened");
    }
    if (status != TACIT_OK) {
        return status;
    }
    tacit__binding_make_mac(self, TACIT_SIDE_SERVER, mac);
    status = tacit__binding_establish(self, ret_session, error);
    if (status == TACIT_OK) {
        memcpy(ret_mac, mac, sizeof mac);
    }
    return status;
}

tacit_status_t tacit_binding_server_finish(tacit_binding_t *binding, uint64_t now_ms,
                                           const tacit_binding_confirm_t *confirm,
                                           uint8_t ret_mac[64], tacit_session_t **ret_session,
                                           tacit_error_t *ret_error)
{
    tacit_status_t status = tacit__binding_begin(binding, TACIT__STEP_SERVER_FINISH, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    return tacit__binding_end(
        binding, TACIT__STEP_SERVER_FINISH,
        s_server_finish(binding, now_ms, confirm, ret_mac, ret_session, ret_error));
}
