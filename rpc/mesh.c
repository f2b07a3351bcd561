/*  mesh.c - verifying the attestation service, and finding everybody else through it.

    Trust starts at trust.json alone: what the introduction endpoint says is foreign until the
    evidence over our own nonce was verified, and what look-ups say is foreign until each result's
    signature was.  */

#include "rpc/mesh.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "idl/attestation.h"
#include "rpc/client_internal.h"
#include "rpc/introduction.h"
#include "rpc/retry.h"

enum { S_BACKOFF_CAP_MS = 500 }; /* of a service's start, which is not much longer */

struct tacit_mesh {
    tacit_trust_t trust;
    tacit_role_t role;
    uint8_t public_key[32];
    tacit_secret_t *secret_key;
    uint32_t connect_ms;
    tacit_client_metrics_t *metrics; /* borrowed; may be NULL */
    uint8_t mesh_id[32];
    uint8_t nonce[32];           /* what the introduction is fresh by */
    uint8_t result_key[32];      /* Ed25519 key of verified evidence */
    tacit_claims_t claims;       /* of the attestation service */
    tacit_buffer_t introduction; /* its evidence, encoded */
    tacit_party_t party;         /* who we are to the attestation service */
    tacit_client_t *attestation; /* bound */
};

/*  --- opening --------------------------------------------------------------------------------- */

static tacit_status_t s_connect_attestation(tacit_mesh_t *self,
                                            const tacit_introduction_introduce_result_t *intro,
                                            tacit_error_t *ret_error)
{
    char endpoint[TACIT_ENDPOINT_MAX];
    snprintf(endpoint, sizeof endpoint, "%.*s", (int)intro->endpoint.size,
             (const char *)intro->endpoint.data);
    memcpy(self->result_key, intro->result_key.data, sizeof self->result_key);
    self->party = (tacit_party_t){
        .role = self->role,
        .curve_public = self->public_key,
        .issuer = self->result_key,
    };
    memcpy(self->party.mesh_id, self->mesh_id, sizeof self->mesh_id);
    tacit_client_config_t config = {
        .endpoint = endpoint,
        .server_key = intro->curve_key.data,
        .public_key = self->public_key,
        .secret_key = self->secret_key->data,
        .party = &self->party,
        .peer_role = TACIT_ROLE_ATTESTATION,
        .connect_ms = self->connect_ms,
        .metrics = self->metrics,
    };
    return tacit_client_new(&config, &self->attestation, ret_error);
}

static tacit_status_t s_introduce(tacit_mesh_t *self, tacit_client_t *plain,
                                  tacit_error_t *ret_error)
{
    randombytes_buf(self->nonce, sizeof self->nonce);
    tacit_introduction_introduce_args_t args = {.nonce = tacit_span(self->nonce, 32)};
    tacit_introduction_introduce_result_t intro = {0};
    tacit_status_t status = tacit_introduction_introduce_call(plain, &args, &intro, ret_error);
    if (!status) {
        status = tacit_introduction_verify(&self->trust, &intro, self->nonce, tacit_now_ms(),
                                           &self->claims, ret_error);
    }
    if (!status) {
        tacit_buffer_clear(&self->introduction);
        status = tacit_codec_encode(&tacit_introduction_introduce_result_record, &intro, NULL,
                                    &self->introduction, ret_error);
    }
    if (!status) {
        status = s_connect_attestation(self, &intro, ret_error);
    }
    return status;
}

/*  One try.  */
static tacit_status_t s_open(tacit_mesh_t *self, tacit_error_t *ret_error)
{
    tacit_client_config_t config = {
        .endpoint = self->trust.introduction,
        .connect_ms = self->connect_ms,
        .metrics = self->metrics,
    };
    tacit_client_t *plain = NULL;
    tacit_status_t status = tacit_client_new(&config, &plain, ret_error);
    if (!status) {
        status = s_introduce(self, plain, ret_error);
    }
    tacit_client_destroy(&plain);
    return status;
}

/*  Between introduction and connection another one may have taken its place, with another key.  */
static bool s_may_come(tacit_status_t status)
{
    return status == TACIT_UNREACHABLE || status == TACIT_WRONG_SERVER_KEY;
}

static tacit_status_t s_await(tacit_mesh_t *self, uint32_t patience_ms, tacit_error_t *ret_error)
{
    uint64_t until_ms = tacit_monotonic_ms() + patience_ms;
    tacit_status_t status = s_open(self, ret_error);
    for (unsigned tries = 1; s_may_come(status) && tacit_monotonic_ms() < until_ms; tries++) {
        zclock_sleep((int)tacit_backoff_ms(TACIT_REDIAL_BASE_MS, S_BACKOFF_CAP_MS, tries));
        status = s_open(self, ret_error);
    }
    return status;
}

tacit_status_t tacit_mesh_open(const tacit_mesh_config_t *config, tacit_mesh_t **ret_mesh,
                               tacit_error_t *ret_error)
{
    tacit_mesh_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->trust = *config->trust;
    self->role = config->role;
    self->connect_ms = config->connect_ms;
    self->metrics = config->metrics;
    memcpy(self->public_key, config->public_key, sizeof self->public_key);
    tacit_trust_mesh_id(&self->trust, self->mesh_id);
    tacit_buffer_init(&self->introduction, TACIT_INTRODUCTION_MAX);
    tacit_status_t status =
        tacit_secret_copy(tacit_span(config->secret_key, 32), &self->secret_key);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
    } else {
        status = s_await(self, config->patience_ms, ret_error);
    }
    if (status) {
        tacit_mesh_destroy(&self);
        return status;
    }
    *ret_mesh = self;
    return TACIT_OK;
}

void tacit_mesh_destroy(tacit_mesh_t **mesh)
{
    if (*mesh) {
        tacit_mesh_t *self = *mesh;
        tacit_client_destroy(&self->attestation);
        tacit_secret_destroy(&self->secret_key);
        tacit_buffer_free(&self->introduction);
        free(self);
        *mesh = NULL;
    }
}

const tacit_claims_t *tacit_mesh_claims(const tacit_mesh_t *mesh)
{
    return &mesh->claims;
}

tacit_span_t tacit_mesh_introduction(const tacit_mesh_t *mesh)
{
    return tacit_span(mesh->introduction.data, mesh->introduction.size);
}

const uint8_t *tacit_mesh_nonce(const tacit_mesh_t *mesh)
{
    return mesh->nonce;
}

const uint8_t *tacit_mesh_result_key(const tacit_mesh_t *mesh)
{
    return mesh->result_key;
}

const uint8_t *tacit_mesh_id(const tacit_mesh_t *mesh)
{
    return mesh->mesh_id;
}

tacit_client_t *tacit_mesh_attestation(tacit_mesh_t *mesh)
{
    return mesh->attestation;
}

bool tacit_mesh_is_lost(const tacit_mesh_t *mesh)
{
    return tacit_client_check_lost(mesh->attestation, NULL) != TACIT_OK;
}

/*  --- everybody else -------------------------------------------------------------------------- */

static bool s_take_member(const tacit_mesh_t *self, const tacit_attestation_member_t *member,
                          tacit_role_t role, tacit_peer_t *ret_peer)
{
    tacit_peer_t peer = {0};
    if (tacit_result_verify(member->result, self->result_key, self->mesh_id, tacit_now_ms(),
                            &peer.result, NULL)) {
        return false;
    }
    if (role != TACIT_ROLE_NONE && peer.result.role != role) {
        return false;
    }
    memcpy(peer.result_bytes, member->result.data, sizeof peer.result_bytes);
    snprintf(peer.endpoint, sizeof peer.endpoint, "%.*s", (int)member->endpoint.size,
             (const char *)member->endpoint.data);
    *ret_peer = peer;
    return true;
}

tacit_status_t tacit_mesh_lookup(tacit_mesh_t *mesh, tacit_role_t role, tacit_peer_t *ret_peers,
                                 size_t max, size_t *ret_count, tacit_error_t *ret_error)
{
    tacit_attestation_lookup_args_t args = {.role = (uint8_t)role};
    tacit_attestation_lookup_result_t result = {0};
    tacit_status_t status =
        tacit_attestation_lookup_call(mesh->attestation, &args, &result, ret_error);
    if (status) {
        return status;
    }
    size_t count = 0;
    for (size_t i = 0; i < result.members.count && count < max; i++) {
        if (s_take_member(mesh, &result.members.items[i], role, &ret_peers[count])) {
            count++;
        }
    }
    *ret_count = count;
    return TACIT_OK;
}

tacit_status_t tacit_peers_connect(const tacit_peer_t *peers, size_t count, tacit_role_t role,
                                   tacit_peer_connect_t *connect, void *self,
                                   tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_error_set(ret_error, TACIT_UNREACHABLE,
                                            "no %s service has attested", tacit_role_name(role));
    for (size_t i = 0; i < count && status; i++) {
        if (peers[i].endpoint[0]) {
            status = connect(self, &peers[i], ret_client, ret_error);
        }
    }
    return status;
}

static tacit_status_t s_connect_to(void *context, const tacit_peer_t *peer,
                                   tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    const tacit_mesh_t *self = context;
    tacit_client_config_t config = {
        .endpoint = peer->endpoint,
        .server_key = peer->result.curve_key,
        .public_key = self->public_key,
        .secret_key = self->secret_key->data,
        .party = &self->party,
        .peer_role = peer->result.role,
        .connect_ms = self->connect_ms,
        .metrics = self->metrics,
    };
    return tacit_client_new(&config, ret_client, ret_error);
}

tacit_status_t tacit_mesh_connect(tacit_mesh_t *mesh, tacit_role_t role,
                                  tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_peer_t peers[TACIT_MESH_PEERS_MAX];
    size_t count = 0;
    tacit_status_t status =
        tacit_mesh_lookup(mesh, role, peers, TACIT_MESH_PEERS_MAX, &count, ret_error);
    return status
               ? status
               : tacit_peers_connect(peers, count, role, s_connect_to, mesh, ret_client, ret_error);
}
