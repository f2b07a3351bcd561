/*  mesh.c - verifying the attestation service, and finding everybody else through it.

    Trust starts at trust.json alone: what the introduction endpoint says is foreign until the
    evidence over our own nonce was verified, and what look-ups say is foreign until each result's
    signature was.  */

#include "rpc/mesh.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/seal.h"
#include "idl/attestation.h"
#include "idl/introduction.h"
#include "rpc/client_internal.h"
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

/*  --- the attestation service's own evidence -------------------------------------------------- */

static void s_hex(const uint8_t *bytes, size_t size, char *ret_text)
{
    sodium_bin2hex(ret_text, size * 2 + 1, bytes, size);
}

static tacit_status_t s_expect_key(const char *claim, tacit_status_t code,
                                   const uint8_t expected[32], const uint8_t got[32],
                                   tacit_error_t *ret_error)
{
    if (sodium_memcmp(expected, got, 32) == 0) {
        return TACIT_OK;
    }
    char want[65];
    char have[65];
    s_hex(expected, 32, want);
    s_hex(got, 32, have);
    tacit_error_claim(ret_error, code, claim, want, have);
    tacit_error_remedy(ret_error, "compare trust.json with what the operator published; if they "
                                  "agree, something stands between you and the mesh");
    return code;
}

static tacit_status_t s_expect_number(const char *claim, tacit_status_t code, unsigned least,
                                      unsigned got, tacit_error_t *ret_error)
{
    if (got >= least) {
        return TACIT_OK;
    }
    char want[32];
    char have[32];
    snprintf(want, sizeof want, "at least %u", least);
    snprintf(have, sizeof have, "%u", got);
    return tacit_error_claim(ret_error, code, claim, want, have);
}

/*  Policy for the one service that cannot be judged by the attestation service: trust.json.  */
static tacit_status_t s_appraise_platform(const tacit_trust_t *trust, const tacit_claims_t *claims,
                                          tacit_error_t *ret_error)
{
    if (claims->simulated != trust->simulated) {
        return tacit_error_claim(ret_error, TACIT_TRUST_ANCHOR_REFUSED,
                                 "attestation service: simulated", trust->simulated ? "yes" : "no",
                                 claims->simulated ? "yes" : "no");
    }
    if (claims->tee != trust->tee) {
        return tacit_error_claim(ret_error, TACIT_TRUST_ANCHOR_REFUSED,
                                 "attestation service: kind of environment",
                                 tacit_tee_name(trust->tee), tacit_tee_name(claims->tee));
    }
    if (claims->debug) {
        return tacit_error_claim(ret_error, TACIT_DEBUG_REFUSED, "attestation service: debug", "no",
                                 "yes");
    }
    if (tacit_tee_is_graded(claims->tee) && claims->tcb_status != TACIT_TCB_UP_TO_DATE) {
        return tacit_error_claim(ret_error, TACIT_TCB_STATUS_REFUSED,
                                 "attestation service: TCB status", "UpToDate",
                                 tacit_tcb_status_name(claims->tcb_status));
    }
    return TACIT_OK;
}

static tacit_status_t s_appraise(const tacit_trust_t *trust, const tacit_claims_t *claims,
                                 tacit_error_t *ret_error)
{
    tacit_status_t status = s_appraise_platform(trust, claims, ret_error);
    if (status) {
        return status;
    }
    if (claims->product_id != TACIT_ROLE_ATTESTATION) {
        char got[16];
        snprintf(got, sizeof got, "%u", claims->product_id);
        return tacit_error_claim(ret_error, TACIT_ROLE_REFUSED, "attestation service: product id",
                                 "1", got);
    }
    status = s_expect_key("attestation service: mrsigner", TACIT_SIGNER_REFUSED,
                          trust->attestation_mrsigner, claims->mrsigner, ret_error);
    if (!status) {
        status = s_expect_number("attestation service: svn", TACIT_SVN_TOO_LOW,
                                 trust->attestation_svn, claims->svn, ret_error);
    }
    if (!status && trust->has_attestation_mrenclave) {
        status = s_expect_key("attestation service: mrenclave", TACIT_MEASUREMENT_REFUSED,
                              trust->attestation_mrenclave, claims->mrenclave, ret_error);
    }
    return status;
}

static tacit_status_t s_check_commitment(const tacit_introduction_introduce_result_t *intro,
                                         const uint8_t nonce[32], const tacit_claims_t *claims,
                                         tacit_error_t *ret_error)
{
    uint8_t commitment[64];
    uint8_t expected[TACIT_REPORT_DATA_SIZE];
    tacit_introduction_commitment(nonce, intro->curve_key.data, intro->result_key.data,
                                  intro->mesh_id.data, commitment);
    tacit_report_data(TACIT_QUOTE_INTRODUCTION, commitment, expected);
    if (sodium_memcmp(expected, claims->report_data, sizeof expected)) {
        return tacit_error_claim(ret_error, TACIT_REPORT_DATA_MISMATCH,
                                 "attestation service: report_data",
                                 "a quote over our nonce and its keys", "another quote");
    }
    return TACIT_OK;
}

static tacit_status_t s_verify(const tacit_trust_t *trust,
                               const tacit_introduction_introduce_result_t *intro,
                               const uint8_t nonce[32], uint64_t now_ms, tacit_claims_t *ret_claims,
                               tacit_error_t *ret_error)
{
    uint8_t mesh_id[32];
    tacit_trust_mesh_id(trust, mesh_id);
    tacit_status_t status =
        s_expect_key("mesh id", TACIT_WRONG_MESH, mesh_id, intro->mesh_id.data, ret_error);
    if (status) {
        return status;
    }
    tacit_collateral_t collateral = {
        .tcb_info = intro->tcb_info,
        .qe_identity = intro->qe_identity,
        .tcb_signing_chain = intro->tcb_signing_chain,
        .pck_crl_issuer_chain = intro->pck_crl_issuer_chain,
        .root_crl = intro->root_crl,
        .pck_crl = intro->pck_crl,
    };
    tacit_claims_t claims;
    status = tacit_evidence_verify(intro->quote, &collateral, trust->root_sha256, now_ms, &claims,
                                   ret_error);
    if (!status) {
        status = s_appraise(trust, &claims, ret_error);
    }
    if (!status) {
        status = s_check_commitment(intro, nonce, &claims, ret_error);
    }
    if (!status) {
        *ret_claims = claims;
    }
    return status;
}

void tacit_introduction_commitment(const uint8_t nonce[32], const uint8_t curve_key[32],
                                   const uint8_t result_key[32], const uint8_t mesh_id[32],
                                   uint8_t ret_commitment[64])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/introduction/v1");
    tacit_transcript_add(&transcript, tacit_span(nonce, 32));
    tacit_transcript_add(&transcript, tacit_span(curve_key, 32));
    tacit_transcript_add(&transcript, tacit_span(result_key, 32));
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
}

void tacit_attest_commitment(tacit_role_t role, const uint8_t exporter[32],
                             const uint8_t curve_key[32], const uint8_t signing_key[32],
                             const uint8_t mesh_id[32], uint8_t ret_commitment[64])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/attest/v1");
    tacit_transcript_add_u64(&transcript, (uint64_t)role);
    tacit_transcript_add(&transcript, tacit_span(exporter, 32));
    tacit_transcript_add(&transcript, tacit_span(curve_key, 32));
    tacit_transcript_add(&transcript, tacit_span(signing_key, 32));
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
}

tacit_status_t tacit_mesh_verify_introduction(const tacit_trust_t *trust, tacit_span_t introduction,
                                              const uint8_t nonce[32], uint64_t now_ms,
                                              uint8_t ret_result_key[32],
                                              tacit_claims_t *ret_claims, tacit_error_t *ret_error)
{
    tacit_arena_t *arena = tacit_arena_new();
    if (!arena) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_introduction_introduce_result_t intro = {0};
    tacit_status_t status = tacit_codec_decode(&tacit_introduction_introduce_result_record,
                                               introduction, NULL, arena, &intro, ret_error);
    if (!status) {
        status = s_verify(trust, &intro, nonce, now_ms, ret_claims, ret_error);
    }
    if (!status) {
        memcpy(ret_result_key, intro.result_key.data, 32);
    }
    tacit_arena_destroy(&arena);
    return status;
}

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
        status =
            s_verify(&self->trust, &intro, self->nonce, tacit_now_ms(), &self->claims, ret_error);
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

static tacit_status_t s_connect_to(const tacit_mesh_t *self, const tacit_peer_t *peer,
                                   tacit_client_t **ret_client, tacit_error_t *ret_error)
{
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
    if (status) {
        return status;
    }
    status = tacit_error_set(ret_error, TACIT_UNREACHABLE, "no %s service has attested",
                             tacit_role_name(role));
    /*  Newest first: what was restarted stands before what its former life left behind.  */
    for (size_t i = 0; i < count && status; i++) {
        if (peers[i].endpoint[0]) {
            status = s_connect_to(mesh, &peers[i], ret_client, ret_error);
        }
    }
    return status;
}
