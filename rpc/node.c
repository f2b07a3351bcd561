/*  node.c - measured, attested, and kept so.

    The result is renewed at half its life, and at once when the policy in force or the attestation
    service itself changed. Renewal happens on the owner's loop with short deadlines; if it fails,
    the old result runs out and peers refuse this node.  */

#include "rpc/node.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/seal.h"
#include "idl/attestation.h"
#include "rpc/introduction.h"
#include "rpc/log.h"
#include "rpc/refusal_report.h"

enum {
    S_CONNECT_MS = 20 * 1000, /* default: wait so long for platform and attestation service */
    S_RETRY_MS = 200,         /* between two tries while starting */
    S_WATCH_MS = 400,         /* how often the policy's head is looked at */
    S_WATCH_CALL_MS = 500     /* how long that may take: the loop stands still meanwhile */
};

struct tacit_node {
    tacit_role_t role;
    tacit_trust_t trust;
    uint32_t connect_ms;
    tacit_platform_t *platform;
    uint8_t public_key[32];
    tacit_secret_t *secret_key;
    uint8_t signing_public[32];
    tacit_secret_t *signing_secret;
    char endpoint[TACIT_ENDPOINT_MAX];       /* announced */
    pthread_mutex_t lock;                    /* guards everything below */
    tacit_mesh_t *mesh;                      /* NULL while the attestation service is away */
    bool known;                              /* attested over that very mesh */
    uint8_t issuer[32];                      /* its result key */
    uint8_t result_bytes[TACIT_RESULT_SIZE]; /* ours */
    tacit_result_t result;
    tacit_party_t party;
    bool failing;              /* the last try to attest failed */
    bool evicted;              /* it was refused for good */
    tacit_standing_t standing; /* changed by the loop alone */
    tacit_refusals_t refusals; /* of the loop alone */
};

/*  --- making ---------------------------------------------------------------------------------- */

static tacit_status_t s_make_keys(tacit_node_t *self, tacit_error_t *ret_error)
{
    if (tacit_secret_new(32, &self->secret_key) ||
        tacit_secret_new(crypto_sign_SECRETKEYBYTES, &self->signing_secret)) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    crypto_box_keypair(self->public_key, self->secret_key->data);
    crypto_sign_keypair(self->signing_public, self->signing_secret->data);
    return TACIT_OK;
}

static tacit_status_t s_connect_platform(tacit_node_t *self, const char *socket_path,
                                         tacit_error_t *ret_error)
{
    int64_t until = zclock_mono() + self->connect_ms;
    for (;;) {
        tacit_status_t status = tacit_platform_connect(socket_path, &self->platform, ret_error);
        if (status != TACIT_UNREACHABLE || zclock_mono() >= until) {
            return status;
        }
        zclock_sleep(S_RETRY_MS);
    }
}

tacit_status_t tacit_node_new(const tacit_node_config_t *config, tacit_node_t **ret_node,
                              tacit_error_t *ret_error)
{
    tacit_node_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    pthread_mutex_init(&self->lock, NULL);
    self->role = config->role;
    self->trust = *config->trust;
    self->connect_ms = config->connect_ms ? config->connect_ms : S_CONNECT_MS;
    tacit_status_t status = s_connect_platform(self, config->platform_socket, ret_error);
    if (!status && tacit_process_seal()) {
        status = tacit_error_set(ret_error, TACIT_INTERNAL, "cannot make the process undumpable");
    }
    if (!status) {
        status = s_make_keys(self, ret_error);
    }
    if (status) {
        tacit_node_destroy(&self);
        return status;
    }
    self->party = (tacit_party_t){
        .role = self->role,
        .curve_public = self->public_key,
        .platform = self->platform,
        .result = tacit_span(self->result_bytes, sizeof self->result_bytes),
        .issuer = self->issuer,
    };
    tacit_trust_mesh_id(&self->trust, self->party.mesh_id);
    *ret_node = self;
    return TACIT_OK;
}

/*  So that nobody looks for this node until its result expires. As good as it goes: the attestation
    service may have gone first.  */
static void s_leave(tacit_node_t *self)
{
    tacit_attestation_leave_args_t args = {0};
    tacit_attestation_leave_result_t result = {0};
    if (self->mesh && self->result.expires_ms > 0) {
        (void)!tacit_attestation_leave_call(tacit_mesh_attestation(self->mesh), &args, &result,
                                            NULL);
    }
}

void tacit_node_destroy(tacit_node_t **node)
{
    if (*node) {
        tacit_node_t *self = *node;
        s_leave(self);
        tacit_mesh_destroy(&self->mesh);
        tacit_platform_destroy(&self->platform);
        tacit_secret_destroy(&self->secret_key);
        tacit_secret_destroy(&self->signing_secret);
        pthread_mutex_destroy(&self->lock);
        free(self);
        *node = NULL;
    }
}

/*  --- attesting ------------------------------------------------------------------------------- */

static tacit_status_t s_open_mesh(tacit_node_t *self, uint32_t connect_ms, tacit_error_t *ret_error)
{
    tacit_mesh_config_t config = {
        .trust = &self->trust,
        .role = TACIT_ROLE_USER, /* all that a key without a result is */
        .public_key = self->public_key,
        .secret_key = self->secret_key->data,
        .connect_ms = connect_ms,
    };
    tacit_mesh_destroy(&self->mesh);
    self->known = false; /* it may be another attestation service, which knows nobody */
    return tacit_mesh_open(&config, &self->mesh, ret_error);
}

static tacit_status_t s_take_result(tacit_node_t *self, tacit_span_t bytes,
                                    tacit_error_t *ret_error)
{
    tacit_result_t result;
    tacit_status_t status =
        tacit_result_verify(bytes, tacit_mesh_result_key(self->mesh), self->party.mesh_id,
                            tacit_now_ms(), &result, ret_error);
    if (status) {
        return status;
    }
    memcpy(self->issuer, tacit_mesh_result_key(self->mesh), sizeof self->issuer);
    memcpy(self->result_bytes, bytes.data, sizeof self->result_bytes);
    memcpy(self->party.policy_head, result.policy_head, sizeof self->party.policy_head);
    self->result = result;
    return TACIT_OK;
}

static tacit_status_t s_send_evidence(tacit_node_t *self, const uint8_t *quote, size_t quote_size,
                                      const tacit_collateral_t *collateral,
                                      tacit_error_t *ret_error)
{
    tacit_attestation_attest_args_t args = {
        .role = (uint8_t)self->role,
        .signing_key = tacit_span(self->signing_public, 32),
        .endpoint = tacit_span_string(self->endpoint),
        .mesh_id = tacit_span(self->party.mesh_id, 32),
        .quote = tacit_span(quote, quote_size),
        .tcb_info = collateral->tcb_info,
        .qe_identity = collateral->qe_identity,
        .tcb_signing_chain = collateral->tcb_signing_chain,
        .pck_crl_issuer_chain = collateral->pck_crl_issuer_chain,
        .root_crl = collateral->root_crl,
        .pck_crl = collateral->pck_crl,
    };
    tacit_attestation_attest_result_t result = {0};
    tacit_status_t status = tacit_attestation_attest_call(tacit_mesh_attestation(self->mesh), &args,
                                                          &result, ret_error);
    return status ? status : s_take_result(self, result.result, ret_error);
}

/*  What the policy in force says of users. The attestation service, which is attested, read it and
    checked who signed it. Where yet another came into force meanwhile, the next look sees that.  */
static tacit_status_t s_learn_policy(tacit_node_t *self, tacit_error_t *ret_error)
{
    if (self->standing.policy_number == self->result.policy_number) {
        return TACIT_OK;
    }
    tacit_attestation_policy_args_t args = {0};
    tacit_attestation_policy_result_t in_force = {0};
    tacit_policy_t *policy = NULL;
    tacit_status_t status = tacit_attestation_policy_call(tacit_mesh_attestation(self->mesh), &args,
                                                          &in_force, ret_error);
    if (!status) {
        status = tacit_policy_parse(in_force.text, &policy, ret_error);
    }
    if (!status && tacit_policy_number(policy) >= self->standing.policy_number) {
        tacit_standing_take(&self->standing, tacit_policy_rules(policy), (uint64_t)zclock_mono());
    }
    tacit_policy_destroy(&policy);
    return status;
}

/*  One try over the open mesh.  */
static tacit_status_t s_attest_once(tacit_node_t *self, tacit_error_t *ret_error)
{
    const tacit_session_t *session = tacit_client_session(tacit_mesh_attestation(self->mesh));
    uint8_t commitment[64];
    tacit_attest_commitment(self->role, session->exporter, self->public_key, self->signing_public,
                            self->party.mesh_id, commitment);
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size = 0;
    tacit_collateral_t collateral;
    void *storage = NULL;
    tacit_status_t status = tacit_platform_quote(self->platform, TACIT_QUOTE_BINDING, commitment,
                                                 quote, &quote_size, ret_error);
    if (!status) {
        status = tacit_platform_collateral(self->platform, &collateral, &storage, ret_error);
    }
    if (!status) {
        status = s_send_evidence(self, quote, quote_size, &collateral, ret_error);
    }
    if (!status) {
        status = s_learn_policy(self, ret_error);
    }
    self->known = status == TACIT_OK;
    free(storage);
    return status;
}

/*  Worth another try while starting: the attestation service may be on its way up.  */
static bool s_may_come(tacit_status_t status)
{
    return status == TACIT_UNREACHABLE || status == TACIT_DEADLINE_EXCEEDED ||
           status == (tacit_status_t)TACIT_ATTESTATION_NO_POLICY;
}

tacit_status_t tacit_node_attest(tacit_node_t *node, const char *endpoint, tacit_error_t *ret_error)
{
    snprintf(node->endpoint, sizeof node->endpoint, "%s", endpoint);
    int64_t until = zclock_mono() + node->connect_ms;
    for (;;) {
        tacit_status_t status = s_open_mesh(node, 0, ret_error);
        if (!status) {
            status = s_attest_once(node, ret_error);
        }
        if (!s_may_come(status) || zclock_mono() >= until) {
            return status;
        }
        zclock_sleep(S_RETRY_MS);
    }
}

/*  --- staying attested ------------------------------------------------------------------------ */

static bool s_policy_changed(tacit_node_t *self, tacit_status_t *ret_status)
{
    tacit_attestation_head_args_t args = {0};
    tacit_attestation_head_result_t head = {0};
    *ret_status = tacit_client_call(tacit_mesh_attestation(self->mesh), &tacit_attestation_head,
                                    &args, tacit_span(NULL, 0), S_WATCH_CALL_MS, &head, NULL, NULL);
    return !*ret_status && memcmp(head.head.data, self->result.policy_head, 32) != 0;
}

/*  The attestation service's word that this is not genuine, or not wanted, whatever comes. That
    collateral has run out, or nothing answers, may mend.  */
static bool s_is_final(tacit_status_t status)
{
    static const tacit_status_t final[] = {
        TACIT_TRUST_ANCHOR_REFUSED, TACIT_CERTIFICATE_REVOKED, TACIT_TCB_STATUS_REFUSED,
        TACIT_DEBUG_REFUSED,        TACIT_MEASUREMENT_REFUSED, TACIT_SIGNER_REFUSED,
        TACIT_SVN_TOO_LOW,          TACIT_ROLE_REFUSED,        TACIT_PLATFORM_REFUSED,
    };
    for (size_t i = 0; i < sizeof final / sizeof *final; i++) {
        if (final[i] == status) {
            return true;
        }
    }
    return false;
}

/*  False where it was refused for good.  */
static bool s_renew(tacit_node_t *self)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = self->mesh ? TACIT_OK : s_open_mesh(self, S_WATCH_CALL_MS, &error);
    if (!status) {
        status = s_attest_once(self, &error);
    }
    if (s_is_final(status)) {
        tacit_log_error("evicted", &error);
        self->evicted = true;
        return false;
    }
    if (status) {
        if (!self->failing) {
            tacit_log_error("attestation_failed", &error);
        }
        tacit_mesh_destroy(&self->mesh); /* a new connection and a new session for the next try */
    } else {
        tacit_log(TACIT_LOG_DEBUG, "attested", "result renewed");
    }
    self->failing = status != TACIT_OK;
    return true;
}

static int s_on_watch(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_node_t *self = argument;
    if (tacit_platform_is_lost(self->platform)) {
        tacit_log(TACIT_LOG_ERROR, "platform_lost", "without a platform nothing can be attested");
        return -1;
    }
    pthread_mutex_lock(&self->lock);
    tacit_status_t status = TACIT_UNREACHABLE;
    bool changed = self->mesh && s_policy_changed(self, &status);
    if (status) {
        tacit_mesh_destroy(&self->mesh);
    }
    uint64_t half = self->result.issued_ms + (self->result.expires_ms - self->result.issued_ms) / 2;
    bool wanted = true;
    if (!self->mesh || !self->known || changed || tacit_now_ms() >= half) {
        wanted = s_renew(self);
    }
    if (wanted && self->mesh &&
        tacit_refusals_report(&self->refusals, tacit_mesh_attestation(self->mesh),
                              S_WATCH_CALL_MS) == TACIT_CALLER_REFUSED) {
        tacit_log(TACIT_LOG_WARNING, "refusals_not_reported", "this node is no member just now");
    }
    pthread_mutex_unlock(&self->lock);
    return wanted ? 0 : -1;
}

tacit_status_t tacit_node_attach(tacit_node_t *node, zloop_t *loop)
{
    return zloop_timer(loop, S_WATCH_MS, 0, s_on_watch, node) < 0 ? TACIT_INTERNAL : TACIT_OK;
}

/*  --- what others use ------------------------------------------------------------------------- */

bool tacit_node_is_evicted(const tacit_node_t *node)
{
    return node->evicted;
}

const tacit_standing_t *tacit_node_standing(const tacit_node_t *node)
{
    return &node->standing;
}

tacit_refusals_t *tacit_node_refusals(tacit_node_t *node)
{
    return &node->refusals;
}

const tacit_party_t *tacit_node_party(const tacit_node_t *node)
{
    return &node->party;
}

const uint8_t *tacit_node_public_key(const tacit_node_t *node)
{
    return node->public_key;
}

const uint8_t *tacit_node_secret_key(const tacit_node_t *node)
{
    return node->secret_key->data;
}

const uint8_t *tacit_node_signing_secret_key(const tacit_node_t *node)
{
    return node->signing_secret->data;
}

const tacit_trust_t *tacit_node_trust(const tacit_node_t *node)
{
    return &node->trust;
}

tacit_platform_t *tacit_node_platform(const tacit_node_t *node)
{
    return node->platform;
}

void tacit_node_copy_result(tacit_node_t *node, uint8_t ret_bytes[TACIT_RESULT_SIZE],
                            tacit_result_t *ret_result)
{
    pthread_mutex_lock(&node->lock);
    memcpy(ret_bytes, node->result_bytes, TACIT_RESULT_SIZE);
    *ret_result = node->result;
    pthread_mutex_unlock(&node->lock);
}

/*  A party of its own for one connection, so that a renewal meanwhile cannot change it.  */
typedef struct {
    tacit_party_t party;
    uint8_t result[TACIT_RESULT_SIZE];
    uint8_t issuer[32];
} s_party_copy_t;

static void s_copy_party(const tacit_node_t *self, s_party_copy_t *ret_copy)
{
    memcpy(ret_copy->result, self->result_bytes, sizeof ret_copy->result);
    memcpy(ret_copy->issuer, self->issuer, sizeof ret_copy->issuer);
    ret_copy->party = self->party;
    ret_copy->party.result = tacit_span(ret_copy->result, sizeof ret_copy->result);
    ret_copy->party.issuer = ret_copy->issuer;
}

tacit_status_t tacit_node_lookup(tacit_node_t *node, tacit_role_t role, tacit_peer_t *ret_peers,
                                 size_t max, size_t *ret_count, tacit_error_t *ret_error)
{
    pthread_mutex_lock(&node->lock);
    tacit_status_t status = node->mesh ? TACIT_OK : s_open_mesh(node, S_WATCH_CALL_MS, ret_error);
    if (!status) {
        status = tacit_mesh_lookup(node->mesh, role, ret_peers, max, ret_count, ret_error);
    }
    pthread_mutex_unlock(&node->lock);
    return status;
}

tacit_status_t tacit_node_connect_to(tacit_node_t *node, tacit_role_t role, const char *endpoint,
                                     const uint8_t server_key[32], const atomic_bool *stop,
                                     tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    s_party_copy_t copy;
    pthread_mutex_lock(&node->lock);
    s_copy_party(node, &copy);
    pthread_mutex_unlock(&node->lock);
    const tacit_client_config_t config = {
        .endpoint = endpoint,
        .server_key = server_key,
        .public_key = node->public_key,
        .secret_key = node->secret_key->data,
        .party = &copy.party,
        .peer_role = role,
        .stop = stop,
    };
    return tacit_client_new(&config, ret_client, ret_error);
}

static tacit_status_t s_connect_peer(void *node, const tacit_peer_t *peer,
                                     tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    return tacit_node_connect_to(node, peer->result.role, peer->endpoint, peer->result.curve_key,
                                 NULL, ret_client, ret_error);
}

tacit_status_t tacit_node_connect(tacit_node_t *node, tacit_role_t role,
                                  tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_peer_t peers[TACIT_MESH_PEERS_MAX];
    size_t count = 0;
    tacit_status_t status =
        tacit_node_lookup(node, role, peers, TACIT_MESH_PEERS_MAX, &count, ret_error);
    return status ? status
                  : tacit_peers_connect(peers, count, role, s_connect_peer, node, ret_client,
                                        ret_error);
}

tacit_status_t tacit_node_sealing_key(tacit_node_t *node, const char *purpose,
                                      tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    uint8_t context[32];
    tacit_sealing_context(node->party.mesh_id, purpose, context);
    return tacit_platform_sealing_key(node->platform, TACIT_SEAL_MRSIGNER,
                                      tacit_platform_self(node->platform)->svn, context, ret_key,
                                      ret_error);
}

void tacit_sealing_context(const uint8_t mesh_id[32], const char *purpose, uint8_t ret_context[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/sealing/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    tacit_transcript_add(&transcript, tacit_span_string(purpose));
    crypto_hash_sha256(ret_context, transcript.data, transcript.size);
}
