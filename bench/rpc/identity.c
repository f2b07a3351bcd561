/*  identity.c - keys, and for an enclave its platform and its result.  */

#include "bench/rpc/identity.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/load.h"
#include "enclave/clock.h"

/*  Who signs results here.  */
static const uint8_t s_issuer_seed[32] = "the issuer of this benchmark";

void must(tacit_status_t status, const tacit_error_t *error)
{
    if (status != TACIT_OK) {
        fprintf(stderr, "bench: tacit: %s %s: %s, wants %s, got %s\n", error->name, error->message,
                error->claim, error->expected, error->got);
    }
    load_check(status == TACIT_OK, "tacit");
}

/*  Claims of this program, from a quote over nothing in particular.  */
static void s_measure(identity_t *self, tacit_claims_t *ret_claims)
{
    static uint8_t quote[TACIT_QUOTE_MAX];
    static const uint8_t commitment[64];
    tacit_error_t error = {.code = TACIT_OK};
    size_t size = 0;
    must(
        tacit_platform_quote(self->platform, TACIT_QUOTE_BINDING, commitment, quote, &size, &error),
        &error);
    must(tacit_evidence_verify_report(tacit_span(quote, size), ret_claims, &error), &error);
}

static void s_become_enclave(identity_t *self, const char *folder)
{
    char path[512];
    uint8_t issuer_secret[64];
    tacit_claims_t claims = {.svn = 0};
    tacit_error_t error = {.code = TACIT_OK};
    snprintf(path, sizeof path, "%s/platform.sock", folder);
    must(tacit_platform_connect(path, &self->platform, &error), &error);
    s_measure(self, &claims);
    tacit_result_t result = {.role = TACIT_ROLE_WORKER,
                             .simulated = true,
                             .tee = claims.tee,
                             .product_id = claims.product_id,
                             .svn = claims.svn,
                             .debug = claims.debug,
                             .issued_ms = tacit_now_ms(),
                             .expires_ms = tacit_now_ms() + TACIT_RESULT_LIFETIME_MS};
    memcpy(result.curve_key, self->public_key, 32);
    memcpy(result.attestation_key_sha256, claims.attestation_key_sha256, 32);
    memcpy(result.mrenclave, claims.mrenclave, 32);
    memcpy(result.mrsigner, claims.mrsigner, 32);
    (void)crypto_sign_seed_keypair(self->issuer, issuer_secret, s_issuer_seed);
    tacit_result_sign(&result, issuer_secret, self->result);
    self->party.role = TACIT_ROLE_WORKER;
    self->party.platform = self->platform;
    self->party.result = tacit_span(self->result, sizeof self->result);
}

identity_t *identity_new(const char *folder, bool enclave)
{
    identity_t *self = calloc(1, sizeof *self);
    uint8_t issuer_secret[64];
    load_check(self && sodium_init() >= 0, "libsodium");
    crypto_box_keypair(self->public_key, self->secret_key);
    (void)crypto_sign_seed_keypair(self->issuer, issuer_secret, s_issuer_seed);
    self->party = (tacit_party_t){
        .role = TACIT_ROLE_USER, .curve_public = self->public_key, .issuer = self->issuer};
    if (enclave) {
        s_become_enclave(self, folder);
    }
    return self;
}

void identity_destroy(identity_t **identity)
{
    tacit_platform_destroy(&(*identity)->platform);
    free(*identity);
    *identity = NULL;
}
