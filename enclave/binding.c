/*  binding.c - the states of the attested binding, at both sides.

    A binding is of one side and used once. It copies its party at the start, since a service
    renews its own result at any time. A step leaves the failed state behind unless it succeeds;
    failing wipes the keys at once.

        step            from        to            does
        client          new         opened        makes Nc, Ec
        client_confirm  opened      confirmed     judges the server, makes quote_c and MAC_c
        client_finish   confirmed   established   checks MAC_s
        server          new         accepted      makes session, Ns, Es, K, quote_s
        server_finish   accepted    established   judges the client, checks MAC_c, makes MAC_s

    X(label, side, context) is that of schedule.h. With H = SHA-512 over server result, server
    quote, client result, client quote, each after its size (u64 little-endian):
        MAC of a side = X("tacit/binding/confirm/v1", side, H)           64 bytes
        key a side sends under = X("tacit/binding/key/v1", side, H)      32 bytes
        exporter = X("tacit/binding/exporter/v1", "server", H)           32 bytes  */

#include "enclave/binding_internal.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert((int)TACIT_SESSION_ID_SIZE == (int)TACIT_SCHEDULE_SESSION_SIZE, "session id");

static const struct {
    tacit__binding_state_t from;
    tacit__binding_state_t to;
} s_transitions[] = {
    [TACIT__STEP_CLIENT] = {TACIT__BINDING_NEW, TACIT__BINDING_OPENED},
    [TACIT__STEP_CLIENT_CONFIRM] = {TACIT__BINDING_OPENED, TACIT__BINDING_CONFIRMED},
    [TACIT__STEP_CLIENT_FINISH] = {TACIT__BINDING_CONFIRMED, TACIT__BINDING_ESTABLISHED},
    [TACIT__STEP_SERVER] = {TACIT__BINDING_NEW, TACIT__BINDING_ACCEPTED},
    [TACIT__STEP_SERVER_FINISH] = {TACIT__BINDING_ACCEPTED, TACIT__BINDING_ESTABLISHED},
};

tacit_role_t tacit_binding_peer_role(const tacit_binding_t *binding)
{
    return binding->facts.ends[tacit__binding_peer_side(binding)].role;
}

static void s_wipe(tacit_binding_t *self)
{
    tacit_secret_destroy(&self->ephemeral);
    tacit_schedule_clear(&self->schedule);
}

/*  Failed until the step's end says otherwise.  */
tacit_status_t tacit__binding_begin(tacit_binding_t *self, tacit__binding_step_t step,
                                    tacit_error_t *error)
{
    bool in_order = self->state == s_transitions[step].from;
    self->state = TACIT__BINDING_FAILED;
    if (!in_order) {
        s_wipe(self);
        return tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.state",
                                 "each step once and in order", "another step");
    }
    return TACIT_OK;
}

tacit_status_t tacit__binding_end(tacit_binding_t *self, tacit__binding_step_t step,
                                  tacit_status_t status)
{
    if (status == TACIT_OK) {
        self->state = s_transitions[step].to;
    } else {
        s_wipe(self);
    }
    return status;
}

bool tacit__binding_role_known(tacit_role_t role)
{
    return tacit_role_from_name(tacit_role_name(role)) != TACIT_ROLE_NONE;
}

static tacit_status_t s_take_party(tacit_binding_t *self, const tacit_party_t *party)
{
    bool enclave = tacit_role_is_enclave(party->role);
    if (!tacit__binding_role_known(party->role) ||
        (enclave && (!party->platform || party->result.size != TACIT_RESULT_SIZE))) {
        return TACIT_BAD_INPUT;
    }
    tacit__binding_own(self)->role = party->role;
    memcpy(tacit__binding_own(self)->curve, party->curve_public, 32);
    memcpy(self->facts.mesh_id, party->mesh_id, 32);
    self->has_issuer = party->issuer != NULL;
    if (party->issuer) {
        memcpy(self->issuer, party->issuer, 32);
    }
    if (enclave) {
        self->platform = party->platform;
        memcpy(self->result, party->result.data, TACIT_RESULT_SIZE);
    }
    return TACIT_OK;
}

static tacit_status_t s_make_keys(tacit_binding_t *self)
{
    tacit_status_t status = tacit_secret_random(crypto_scalarmult_SCALARBYTES, &self->ephemeral);
    if (status == TACIT_OK) {
        randombytes_buf(tacit__binding_own(self)->nonce, sizeof tacit__binding_own(self)->nonce);
        (void)crypto_scalarmult_base(tacit__binding_own(self)->ephemeral, self->ephemeral->data);
    }
    return status;
}

/*  A binding with its own end filled in.  */
tacit_status_t tacit__binding_new(tacit_side_t side, const tacit_party_t *party,
                                  const uint8_t peer_curve[32], tacit_binding_t **ret_binding)
{
    tacit_binding_t *self = calloc(1, sizeof *self);
    tacit_status_t status = self ? TACIT_OK : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        self->side = side;
        memcpy(tacit__binding_peer(self)->curve, peer_curve, 32);
        status = s_take_party(self, party);
    }
    if (status == TACIT_OK) {
        status = s_make_keys(self);
    }
    if (status == TACIT_OK) {
        *ret_binding = self;
        self = NULL;
    }
    tacit_binding_destroy(&self);
    return status;
}

void tacit_binding_destroy(tacit_binding_t **binding)
{
    if (binding && *binding) {
        s_wipe(*binding);
        free(*binding);
        *binding = NULL;
    }
}

void tacit_session_destroy(tacit_session_t **session)
{
    if (session && *session) {
        tacit_secret_destroy(&(*session)->send_key);
        tacit_secret_destroy(&(*session)->receive_key);
        sodium_memzero(*session, sizeof **session);
        free(*session);
        *session = NULL;
    }
}
