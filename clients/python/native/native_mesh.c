/*  native_mesh.c - trust, identities, and whom the attestation service vouches for.  */

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "clients/python/native/native_internal.h"
#include "enclave/clock.h"
#include "idl/introduction.h"
#include "rpc/introduction.h"
#include "rpc/mesh.h"

/*  --- the library ----------------------------------------------------------------------------- */

uint32_t tacit_native_init(void)
{
    return sodium_init() < 0 ? 0 : TACIT_NATIVE_VERSION;
}

void tacit_native_sizes(uint32_t *ret_sizes, size_t count)
{
    static const uint32_t sizes[] = {
        sizeof(tacit_error_t),
        sizeof(tacit_native_trust_facts_t),
        sizeof(tacit_native_attestation_t),
        sizeof(tacit_native_member_t),
        sizeof(tacit_native_session_facts_t),
        sizeof(tacit_envelope_t),
        sizeof(tacit_native_receipt_t),
        sizeof(tacit_native_exchange_t),
    };
    for (size_t i = 0; i < count; i++) {
        ret_sizes[i] = i < sizeof sizes / sizeof *sizes ? sizes[i] : 0;
    }
}

const char *tacit_native_status_name(int code)
{
    return tacit_status_name((tacit_status_t)code);
}

const char *tacit_native_status_text(int code)
{
    return tacit_status_text((tacit_status_t)code);
}

/*  --- trust.json ------------------------------------------------------------------------------ */

int tacit_native_trust_load(const char *path, tacit_trust_t **ret_trust,
                            tacit_native_trust_facts_t *ret_facts, tacit_error_t *ret_error)
{
    tacit_trust_t *trust = calloc(1, sizeof *trust);
    if (!trust) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_trust_load(path, trust, ret_error);
    if (status) {
        free(trust);
        return status;
    }
    tacit_native_trust_facts_t facts = {.simulated = trust->simulated};
    snprintf(facts.introduction, sizeof facts.introduction, "%s", trust->introduction);
    memcpy(facts.root_sha256, trust->root_sha256, sizeof facts.root_sha256);
    memcpy(facts.operator_curve_key, trust->operator_curve_key, sizeof facts.operator_curve_key);
    tacit_trust_mesh_id(trust, facts.mesh_id);
    *ret_facts = facts;
    *ret_trust = trust;
    return TACIT_OK;
}

void tacit_native_trust_destroy(tacit_trust_t *trust)
{
    free(trust);
}

/*  --- identities ------------------------------------------------------------------------------ */

int tacit_native_identity_open(const char *folder, int make, tacit_identity_t **ret_identity,
                               int *ret_made, tacit_error_t *ret_error)
{
    bool made = false;
    tacit_status_t status;
    if (!folder) {
        status = tacit_identity_random(ret_identity);
        made = true;
        if (status) {
            (void)tacit_error_set(ret_error, status, NULL);
        }
    } else if (make) {
        status = tacit_identity_open(folder, ret_identity, &made, ret_error);
    } else {
        status = tacit_identity_load(folder, ret_identity, ret_error);
    }
    if (!status) {
        *ret_made = made;
    }
    return status;
}

void tacit_native_identity_destroy(tacit_identity_t *identity)
{
    tacit_identity_destroy(&identity);
}

void tacit_native_identity_public(const tacit_identity_t *identity, uint8_t ret_curve[32],
                                  uint8_t ret_signing[32])
{
    memcpy(ret_curve, identity->public_key, 32);
    memcpy(ret_signing, identity->signing_public, 32);
}

int tacit_native_identity_arm(const tacit_identity_t *identity, void *zmq_socket,
                              const uint8_t server_key[32], tacit_error_t *ret_error)
{
    const struct {
        int option;
        const uint8_t *key;
    } keys[] = {
        {ZMQ_CURVE_SERVERKEY, server_key},
        {ZMQ_CURVE_PUBLICKEY, identity->public_key},
        {ZMQ_CURVE_SECRETKEY, identity->secret_key->data},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (zmq_setsockopt(zmq_socket, keys[i].option, keys[i].key, 32) != 0) {
            return tacit_error_set(ret_error, TACIT_INTERNAL, "the socket takes no keys: %s",
                                   zmq_strerror(errno));
        }
    }
    return TACIT_OK;
}

/*  --- the attestation service ----------------------------------------------------------------- */

static void s_describe(const tacit_introduction_introduce_result_t *intro,
                       const tacit_claims_t *claims, tacit_native_attestation_t *ret_attestation)
{
    tacit_native_attestation_t said = {
        .expires_ms = claims->expires_ms,
        .product_id = claims->product_id,
        .svn = claims->svn,
        .simulated = claims->simulated,
    };
    snprintf(said.endpoint, sizeof said.endpoint, "%.*s", (int)intro->endpoint.size,
             (const char *)intro->endpoint.data);
    snprintf(said.root_name, sizeof said.root_name, "%s", claims->root_name);
    snprintf(said.tcb_status, sizeof said.tcb_status, "%s",
             tacit_tcb_status_shown(claims->tee, claims->tcb_status));
    snprintf(said.advisories, sizeof said.advisories, "%s", claims->advisories);
    memcpy(said.curve_key, intro->curve_key.data, 32);
    memcpy(said.result_key, intro->result_key.data, 32);
    memcpy(said.mrenclave, claims->mrenclave, 32);
    memcpy(said.mrsigner, claims->mrsigner, 32);
    *ret_attestation = said;
}

/*  The bytes were verified: what else they say is read from them again.  */
static tacit_status_t s_read(tacit_span_t introduction, const tacit_claims_t *claims,
                             tacit_native_attestation_t *ret_attestation, tacit_error_t *ret_error)
{
    tacit_introduction_introduce_result_t intro = {.quote = {NULL, 0}};
    tacit_arena_t *arena = tacit_arena_new();
    if (!arena) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_codec_decode(&tacit_introduction_introduce_result_record,
                                               introduction, NULL, arena, &intro, ret_error);
    if (!status) {
        s_describe(&intro, claims, ret_attestation);
    }
    tacit_arena_destroy(&arena);
    return status;
}

static tacit_status_t s_verify(tacit_native_mesh_t *self, tacit_span_t introduction,
                               tacit_native_attestation_t *ret_attestation,
                               tacit_error_t *ret_error)
{
    tacit_claims_t claims;
    tacit_status_t status =
        tacit_introduction_verify_stored(&self->trust, introduction, self->nonce, tacit_now_ms(),
                                         self->result_key, &claims, ret_error);
    if (status) {
        return status;
    }
    self->introduction = malloc(introduction.size);
    if (!self->introduction) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(self->introduction, introduction.data, introduction.size);
    self->introduction_size = introduction.size;
    return s_read(introduction, &claims, ret_attestation, ret_error);
}

int tacit_native_mesh_verify(const tacit_trust_t *trust, const uint8_t *introduction, size_t size,
                             const uint8_t nonce[32], tacit_native_mesh_t **ret_mesh,
                             tacit_native_attestation_t *ret_attestation, tacit_error_t *ret_error)
{
    if (size == 0 || size > TACIT_INTRODUCTION_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "an introduction has 1 to %d bytes",
                               TACIT_INTRODUCTION_MAX);
    }
    tacit_native_mesh_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->trust = *trust;
    memcpy(self->nonce, nonce, sizeof self->nonce);
    tacit_trust_mesh_id(&self->trust, self->mesh_id);
    tacit_status_t status =
        s_verify(self, tacit_span(introduction, size), ret_attestation, ret_error);
    if (status) {
        tacit_native_mesh_destroy(self);
        return status;
    }
    *ret_mesh = self;
    return TACIT_OK;
}

void tacit_native_mesh_destroy(tacit_native_mesh_t *mesh)
{
    if (mesh) {
        free(mesh->introduction);
        free(mesh);
    }
}

/*  --- its results ----------------------------------------------------------------------------- */

void tacit_native_describe_member(const tacit_result_t *result, tacit_native_member_t *ret_member)
{
    tacit_native_member_t member = {
        .issued_ms = result->issued_ms,
        .expires_ms = result->expires_ms,
        .role = (uint32_t)result->role,
        .svn = result->svn,
        .tcb_status = (uint32_t)result->tcb_status,
        .simulated = result->simulated,
    };
    memcpy(member.curve_key, result->curve_key, 32);
    memcpy(member.mrenclave, result->mrenclave, 32);
    memcpy(member.mrsigner, result->mrsigner, 32);
    memcpy(member.policy_head, result->policy_head, 32);
    *ret_member = member;
}

int tacit_native_member_verify(const tacit_native_mesh_t *mesh, const uint8_t *result, size_t size,
                               tacit_native_member_t *ret_member, tacit_error_t *ret_error)
{
    tacit_result_t found;
    tacit_status_t status = tacit_result_verify(tacit_span(result, size), mesh->result_key,
                                                mesh->mesh_id, tacit_now_ms(), &found, ret_error);
    if (!status) {
        tacit_native_describe_member(&found, ret_member);
    }
    return status;
}
