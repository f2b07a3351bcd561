/*  native_session.c - the attested binding, and what is sealed under its session.  */

#include <stdio.h>
#include <stdlib.h>

#include "clients/python/native/native_internal.h"
#include "enclave/binding.h"
#include "enclave/clock.h"
#include "rpc/secret_field.h"

_Static_assert((int)TACIT_NATIVE_FIELD_MAX == (int)TACIT_SECRET_FIELD_MAX, "one bound, two names");

struct tacit_native_binding {
    tacit_binding_t *binding;
};

struct tacit_native_session {
    tacit_session_t *session;
};

/*  --- binding --------------------------------------------------------------------------------- */

static tacit_status_t s_open(const tacit_party_t *party, const uint8_t peer_curve[32],
                             uint32_t peer_role, tacit_native_binding_t **ret_binding,
                             tacit_binding_open_t *ret_open)
{
    tacit_native_binding_t *self = calloc(1, sizeof *self);
    if (!self) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status =
        tacit_binding_client(party, peer_curve, (tacit_role_t)peer_role, &self->binding, ret_open);
    if (status) {
        free(self);
        return status;
    }
    *ret_binding = self;
    return TACIT_OK;
}

int tacit_native_binding_open(const tacit_trust_t *trust, const tacit_native_mesh_t *mesh,
                              const tacit_identity_t *identity, uint32_t role,
                              const uint8_t peer_curve[32], uint32_t peer_role,
                              tacit_native_binding_t **ret_binding, uint8_t ret_nonce[32],
                              uint8_t ret_ephemeral[32], tacit_error_t *ret_error)
{
    if (role != TACIT_ROLE_USER && role != TACIT_ROLE_OPERATOR) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a client is a user or the operator");
    }
    tacit_party_t party = {
        .role = (tacit_role_t)role,
        .curve_public = identity->public_key,
        .issuer = mesh ? mesh->result_key : NULL,
    };
    if (trust) {
        tacit_trust_mesh_id(trust, party.mesh_id);
    }
    tacit_binding_open_t open;
    tacit_status_t status = s_open(&party, peer_curve, peer_role, ret_binding, &open);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    memcpy(ret_nonce, open.nonce, sizeof open.nonce);
    memcpy(ret_ephemeral, open.ephemeral, sizeof open.ephemeral);
    return TACIT_OK;
}

void tacit_native_binding_destroy(tacit_native_binding_t *binding)
{
    if (binding) {
        tacit_binding_destroy(&binding->binding);
        free(binding);
    }
}

int tacit_native_binding_confirm(tacit_native_binding_t *binding, const uint8_t session_id[16],
                                 const uint8_t policy_head[32], const uint8_t nonce[32],
                                 const uint8_t ephemeral[32], const uint8_t *result,
                                 size_t result_size, const uint8_t *quote, size_t quote_size,
                                 uint8_t ret_mac[64], tacit_error_t *ret_error)
{
    tacit_binding_accept_t accept = {
        .result = tacit_span(result, result_size),
        .quote = tacit_span(quote, quote_size),
    };
    tacit_binding_confirm_t confirm;
    memcpy(accept.session_id, session_id, sizeof accept.session_id);
    memcpy(accept.policy_head, policy_head, sizeof accept.policy_head);
    memcpy(accept.nonce, nonce, sizeof accept.nonce);
    memcpy(accept.ephemeral, ephemeral, sizeof accept.ephemeral);
    tacit_status_t status = tacit_binding_client_confirm(binding->binding, tacit_now_ms(), &accept,
                                                         &confirm, ret_error);
    if (!status) {
        memcpy(ret_mac, confirm.mac, sizeof confirm.mac);
    }
    return status;
}

static void s_describe(const tacit_session_t *session, tacit_native_session_facts_t *ret_facts)
{
    uint64_t now = tacit_now_ms();
    tacit_native_session_facts_t facts = {
        .expires_ms = session->expires_ms,
        .lifetime_ms = session->expires_ms > now ? session->expires_ms - now : 0,
        .peer_role = (uint32_t)session->peer_role,
        .attested = session->peer_attested,
    };
    memcpy(facts.id, session->id, sizeof facts.id);
    memcpy(facts.policy_head, session->policy_head, sizeof facts.policy_head);
    if (session->peer_attested) {
        tacit_native_describe_member(&session->peer_result, &facts.peer);
    }
    *ret_facts = facts;
}

int tacit_native_binding_finish(tacit_native_binding_t *binding, const uint8_t mac[64],
                                tacit_native_session_t **ret_session,
                                tacit_native_session_facts_t *ret_facts, tacit_error_t *ret_error)
{
    tacit_native_session_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status =
        tacit_binding_client_finish(binding->binding, mac, &self->session, ret_error);
    if (status) {
        free(self);
        return status;
    }
    s_describe(self->session, ret_facts);
    *ret_session = self;
    return TACIT_OK;
}

void tacit_native_session_destroy(tacit_native_session_t *session)
{
    if (session) {
        tacit_session_destroy(&session->session);
        free(session);
    }
}

/*  --- secrets --------------------------------------------------------------------------------- */

static tacit_status_t s_check_size(size_t size, tacit_error_t *ret_error)
{
    return size >= 1 && size <= TACIT_NATIVE_FIELD_MAX
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_TOO_LARGE, "a secret has 1 to %d bytes",
                                 TACIT_NATIVE_FIELD_MAX);
}

static int s_made(tacit_status_t status, tacit_error_t *ret_error)
{
    return status ? (int)tacit_error_set(ret_error, status, NULL) : 0;
}

int tacit_native_secret_copy(const uint8_t *bytes, size_t size, tacit_secret_t **ret_secret,
                             tacit_error_t *ret_error)
{
    tacit_status_t status = s_check_size(size, ret_error);
    return status ? (int)status
                  : s_made(tacit_secret_copy(tacit_span(bytes, size), ret_secret), ret_error);
}

int tacit_native_secret_random(size_t size, tacit_secret_t **ret_secret, tacit_error_t *ret_error)
{
    tacit_status_t status = s_check_size(size, ret_error);
    return status ? (int)status : s_made(tacit_secret_random(size, ret_secret), ret_error);
}

void tacit_native_secret_destroy(tacit_secret_t *secret)
{
    tacit_secret_destroy(&secret);
}

size_t tacit_native_secret_size(const tacit_secret_t *secret)
{
    return secret->size;
}

void tacit_native_secret_reveal(const tacit_secret_t *secret, uint8_t *ret_bytes)
{
    memcpy(ret_bytes, secret->data, secret->size);
}

int tacit_native_field_seal(const tacit_native_session_t *session, uint64_t msgid,
                            const char *method, uint32_t number, const tacit_secret_t *secret,
                            uint8_t *ret_sealed, size_t capacity, tacit_error_t *ret_error)
{
    const tacit_secret_context_t context = {
        .key = session->session->send_key->data,
        .session = session->session->id,
        .msgid = msgid,
        .method = method,
    };
    if (capacity < secret->size + TACIT_SEAL_OVERHEAD) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "too little room for a sealed field");
    }
    if (strlen(method) > TACIT_NATIVE_TEXT_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the method's name is too long");
    }
    return tacit_secret_field_seal(&context, number, tacit_secret_span(secret), ret_sealed,
                                   ret_error);
}

int tacit_native_field_open(const tacit_native_session_t *session, uint64_t msgid,
                            const char *method, uint32_t number, const uint8_t *sealed, size_t size,
                            tacit_secret_t **ret_secret, tacit_error_t *ret_error)
{
    const tacit_secret_context_t context = {
        .key = session->session->receive_key->data,
        .session = session->session->id,
        .msgid = msgid,
        .method = method,
    };
    tacit_secret_t *secret = NULL;
    if (size <= TACIT_SEAL_OVERHEAD || strlen(method) > TACIT_NATIVE_TEXT_MAX) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "a sealed field is longer");
    }
    tacit_status_t status = s_check_size(size - TACIT_SEAL_OVERHEAD, ret_error);
    if (!status) {
        status = tacit_secret_new(size - TACIT_SEAL_OVERHEAD, &secret);
        status = status ? tacit_error_set(ret_error, status, NULL) : TACIT_OK;
    }
    if (!status) {
        status = tacit_secret_field_open(&context, number, tacit_span(sealed, size), secret->data,
                                         ret_error);
    }
    if (status) {
        tacit_secret_destroy(&secret);
        return status;
    }
    *ret_secret = secret;
    return TACIT_OK;
}
