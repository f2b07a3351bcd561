/*  identity.c - the attestation service's own keys and result.  */

#include "services/attestation/identity.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/seal.h"
#include "enclave/whole_file.h"
#include "rpc/introduction.h"
#include "rpc/node.h"

enum { S_SEALED_SIZE = crypto_sign_SECRETKEYBYTES + TACIT_SEAL_OVERHEAD };

static const char s_purpose[] = "attestation result key";

/*  --- the result key on disk ------------------------------------------------------------------ */

static tacit_status_t s_make_result_key(tacit_identity_t *self, const tacit_secret_t *key,
                                        const char *path)
{
    uint8_t sealed[S_SEALED_SIZE];
    crypto_sign_keypair(self->result_public, self->result_secret->data);
    tacit_seal(key->data, tacit_span_string(s_purpose), tacit_secret_span(self->result_secret),
               sealed);
    return tacit_whole_file_create(path, tacit_span(sealed, sizeof sealed), 0600);
}

static tacit_status_t s_load_result_key(tacit_identity_t *self, const tacit_secret_t *key,
                                        const char *folder)
{
    char path[TACIT_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/result.key", folder);
    uint8_t *sealed = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, S_SEALED_SIZE, &sealed, &size);
    if (status == TACIT_NOT_FOUND) {
        return s_make_result_key(self, key, path);
    }
    if (!status && size != S_SEALED_SIZE) {
        status = TACIT_CORRUPT;
    }
    if (!status) {
        status = tacit_seal_open(key->data, tacit_span_string(s_purpose), tacit_span(sealed, size),
                                 self->result_secret->data);
    }
    free(sealed);
    if (!status) {
        crypto_sign_ed25519_sk_to_pk(self->result_public, self->result_secret->data);
    }
    return status;
}

/*  --- making ---------------------------------------------------------------------------------- */

static tacit_status_t s_make_keys(tacit_identity_t *self, const char *folder,
                                  tacit_error_t *ret_error)
{
    uint8_t context[32];
    tacit_secret_t *sealing = NULL;
    tacit_sealing_context(self->mesh_id, s_purpose, context);
    tacit_status_t status = tacit_secret_new(32, &self->curve_secret);
    if (!status) {
        status = tacit_secret_new(crypto_sign_SECRETKEYBYTES, &self->result_secret);
    }
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    crypto_box_keypair(self->curve_public, self->curve_secret->data);
    status = tacit_platform_sealing_key(self->platform, TACIT_SEAL_MRSIGNER,
                                        tacit_platform_self(self->platform)->svn, context, &sealing,
                                        ret_error);
    if (status) {
        return status;
    }
    status = s_load_result_key(self, sealing, folder);
    tacit_secret_destroy(&sealing);
    if (status) {
        tacit_error_set(ret_error, status, "cannot use %s/result.key", folder);
        tacit_error_remedy(ret_error, "it is sealed to this platform, signer and mesh; a mesh that "
                                      "moved starts with an empty folder");
    }
    return status;
}

tacit_status_t tacit_identity_new(const tacit_service_args_t *args, tacit_identity_t **ret_identity,
                                  tacit_error_t *ret_error)
{
    tacit_identity_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_trust_mesh_id(&args->trust, self->mesh_id);
    memcpy(self->root_sha256, args->trust.root_sha256, sizeof self->root_sha256);
    tacit_status_t status = tacit_platform_connect(args->platform, &self->platform, ret_error);
    if (!status && tacit_process_seal()) {
        status = tacit_error_set(ret_error, TACIT_INTERNAL, "cannot make the process undumpable");
    }
    if (!status) {
        status = s_make_keys(self, args->state, ret_error);
    }
    if (!status) {
        status = tacit_collateral_store_open(args->state, self->mesh_id, self->platform,
                                             &self->collateral, ret_error);
    }
    if (status) {
        tacit_identity_destroy(&self);
        return status;
    }
    self->party = (tacit_party_t){
        .role = TACIT_ROLE_ATTESTATION,
        .curve_public = self->curve_public,
        .platform = self->platform,
        .result = tacit_span(self->result_bytes, sizeof self->result_bytes),
        .issuer = self->result_public,
    };
    memcpy(self->party.mesh_id, self->mesh_id, sizeof self->mesh_id);
    *ret_identity = self;
    return TACIT_OK;
}

void tacit_identity_destroy(tacit_identity_t **identity)
{
    if (*identity) {
        tacit_identity_t *self = *identity;
        tacit_collateral_store_destroy(&self->collateral);
        tacit_platform_destroy(&self->platform);
        tacit_secret_destroy(&self->curve_secret);
        tacit_secret_destroy(&self->result_secret);
        free(self);
        *identity = NULL;
    }
}

/*  --- attesting oneself ----------------------------------------------------------------------- */

static tacit_status_t s_judge(tacit_identity_t *self, const uint8_t policy_head[32],
                              uint64_t policy_number, tacit_span_t quote,
                              const tacit_collateral_t *collateral, const uint8_t commitment[64],
                              tacit_error_t *ret_error)
{
    tacit_case_t judged = {
        .role = TACIT_ROLE_ATTESTATION,
        .quote = quote,
        .collateral = *collateral,
        .curve_key = self->curve_public,
        .signing_key = self->result_public,
    };
    tacit_report_data(TACIT_QUOTE_BINDING, commitment, judged.report_data);
    tacit_verifier_t verifier = {
        .policy_head = policy_head,
        .policy_number = policy_number,
        .root_sha256 = self->root_sha256,
        .mesh_id = self->mesh_id,
        .result_secret = self->result_secret->data,
        .collateral = self->collateral,
    };
    return tacit_judge_self(&verifier, &judged, tacit_now_ms(), &self->result, self->result_bytes,
                            ret_error);
}

tacit_status_t tacit_identity_attest(tacit_identity_t *identity, const uint8_t policy_head[32],
                                     uint64_t policy_number, tacit_error_t *ret_error)
{
    static const uint8_t no_session[32] = {0};
    uint8_t commitment[64];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size = 0;
    tacit_collateral_t collateral;
    void *storage = NULL;
    tacit_attest_commitment(TACIT_ROLE_ATTESTATION, no_session, identity->curve_public,
                            identity->result_public, identity->mesh_id, commitment);
    tacit_status_t status = tacit_platform_quote(identity->platform, TACIT_QUOTE_BINDING,
                                                 commitment, quote, &quote_size, ret_error);
    if (!status) {
        status = tacit_platform_collateral(identity->platform, &collateral, &storage, ret_error);
    }
    if (!status) {
        status = s_judge(identity, policy_head, policy_number, tacit_span(quote, quote_size),
                         &collateral, commitment, ret_error);
    }
    free(storage);
    if (!status) {
        memcpy(identity->party.policy_head, policy_head, 32);
    }
    return status;
}
