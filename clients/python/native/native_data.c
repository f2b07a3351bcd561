/*  native_data.c - what a data owner does: request keys, sealed requests, proven answers, receipts.
 */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/dataowner/receipt_store.h"
#include "clients/lib/answer_proof.h"
#include "clients/lib/request_keys.h"
#include "clients/python/native/native_internal.h"

_Static_assert(TACIT_NATIVE_PATH_MAX == PATH_MAX, "paths as the rest of the client knows them");

static tacit_status_t s_check_key(const tacit_secret_t *key, tacit_error_t *ret_error)
{
    return key->size == TACIT_KEY_SIZE
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "a key has %d bytes", TACIT_KEY_SIZE);
}

/*  The name comes from another language: that it ends is not known yet.  */
static tacit_status_t s_check_envelope(const tacit_envelope_t *envelope, tacit_error_t *ret_error)
{
    size_t size = strnlen(envelope->name, sizeof envelope->name);
    return tacit_model_name_valid(tacit_span(envelope->name, size))
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "that is no model name");
}

/*  --- requests -------------------------------------------------------------------------------- */

int tacit_native_request_key_open(const char *identity, const uint8_t owner[32], const char *name,
                                  const uint8_t *measurements, size_t count,
                                  tacit_secret_t **ret_key, uint8_t *ret_fresh,
                                  tacit_error_t *ret_error)
{
    bool fresh[TACIT_REQUEST_KEYS_MAX] = {false};
    tacit_status_t status =
        tacit_request_keys_open(identity, owner, name, (const uint8_t(*)[32])measurements, count,
                                ret_key, fresh, ret_error);
    for (size_t i = 0; !status && i < count; i++) {
        ret_fresh[i] = fresh[i];
    }
    return status;
}

int tacit_native_request_seal(const tacit_envelope_t *envelope, const tacit_secret_t *key,
                              const uint8_t *plaintext, size_t size, uint8_t *ret_sealed,
                              size_t capacity, tacit_error_t *ret_error)
{
    tacit_status_t status = s_check_key(key, ret_error);
    if (!status) {
        status = s_check_envelope(envelope, ret_error);
    }
    if (!status && (capacity < TACIT_SEAL_OVERHEAD || capacity - TACIT_SEAL_OVERHEAD < size)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "too little room for the request");
    }
    if (!status) {
        tacit_envelope_seal(envelope, TACIT_DIRECTION_REQUEST, key->data,
                            tacit_span(plaintext, size), ret_sealed);
    }
    return status;
}

/*  --- answers --------------------------------------------------------------------------------- */

static void s_describe(const tacit_receipt_t *receipt, tacit_native_receipt_t *ret_receipt)
{
    tacit_native_receipt_t said = {
        .envelope = receipt->envelope,
        .time_ms = receipt->time_ms,
        .simulated = receipt->simulated,
        .isolation = (uint32_t)receipt->isolation,
        .backend = (uint32_t)receipt->backend,
        .precision = (uint32_t)receipt->precision,
    };
    memcpy(said.request_sha256, receipt->request_sha256, 32);
    memcpy(said.response_sha256, receipt->response_sha256, 32);
    memcpy(said.model_sha256, receipt->model_sha256, 32);
    memcpy(said.mrenclave, receipt->mrenclave, 32);
    memcpy(said.policy_head, receipt->policy_head, 32);
    *ret_receipt = said;
}

static tacit_status_t s_prove(const tacit_native_mesh_t *mesh,
                              const tacit_native_exchange_t *exchange, tacit_receipt_t *ret_receipt,
                              tacit_error_t *ret_error)
{
    const tacit_question_t question = {
        .envelope = exchange->envelope,
        .request = tacit_span(exchange->request, exchange->request_size),
        .measurements = (const uint8_t(*)[32])exchange->measurements,
        .measurement_count = exchange->measurement_count,
        .issuer = mesh->result_key,
        .mesh_id = mesh->mesh_id,
    };
    tacit_status_t status = s_check_envelope(exchange->envelope, ret_error);
    return status ? status
                  : tacit_answer_prove(&question,
                                       tacit_span(exchange->receipt, exchange->receipt_size),
                                       tacit_span(exchange->result, exchange->result_size),
                                       tacit_span(exchange->response, exchange->response_size),
                                       ret_receipt, ret_error);
}

static tacit_status_t s_open(const tacit_native_exchange_t *exchange, uint32_t version,
                             const tacit_secret_t *key, uint8_t *ret_plaintext, size_t capacity,
                             tacit_error_t *ret_error)
{
    tacit_envelope_t envelope = *exchange->envelope;
    envelope.version = version;
    if (exchange->response_size <= TACIT_SEAL_OVERHEAD ||
        capacity < exchange->response_size - TACIT_SEAL_OVERHEAD) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "the sealed answer is too short");
    }
    tacit_status_t status =
        tacit_envelope_open(&envelope, TACIT_DIRECTION_RESPONSE, key->data,
                            tacit_span(exchange->response, exchange->response_size), ret_plaintext);
    return status ? tacit_error_set(ret_error, status, "the sealed answer does not open")
                  : TACIT_OK;
}

int tacit_native_answer_open(const tacit_native_mesh_t *mesh,
                             const tacit_native_exchange_t *exchange, const tacit_secret_t *key,
                             tacit_native_receipt_t *ret_receipt, uint8_t *ret_plaintext,
                             size_t capacity, tacit_error_t *ret_error)
{
    tacit_receipt_t receipt;
    tacit_status_t status = s_check_key(key, ret_error);
    if (!status) {
        status = s_prove(mesh, exchange, &receipt, ret_error);
    }
    if (!status) {
        status =
            s_open(exchange, receipt.envelope.version, key, ret_plaintext, capacity, ret_error);
    }
    if (!status) {
        s_describe(&receipt, ret_receipt);
    }
    return status;
}

/*  --- receipts -------------------------------------------------------------------------------- */

static tacit_status_t s_save(const char *folder, const tacit_receipt_bundle_t *bundle,
                             const tacit_receipt_t *receipt, char *ret_path,
                             tacit_error_t *ret_error)
{
    tacit_answer_t *answer = calloc(1, sizeof *answer); /* the store names files by its receipt */
    char path[PATH_MAX];
    if (!answer) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    answer->receipt = *receipt;
    tacit_status_t status = tacit_receipt_store_put(folder, bundle, answer, false, path, ret_error);
    if (!status) {
        memcpy(ret_path, path, strlen(path) + 1);
    }
    free(answer);
    return status;
}

int tacit_native_receipt_save(const tacit_native_mesh_t *mesh, const char *folder,
                              const tacit_native_exchange_t *exchange,
                              char ret_path[TACIT_NATIVE_PATH_MAX], tacit_error_t *ret_error)
{
    tacit_receipt_t receipt;
    tacit_receipt_bundle_t bundle = {.time_ms = 0};
    tacit_status_t status = s_prove(mesh, exchange, &receipt, ret_error);
    if (status) {
        return status;
    }
    status = tacit_receipt_bundle_make(exchange->receipt, exchange->result, mesh->nonce,
                                       tacit_span(mesh->introduction, mesh->introduction_size),
                                       receipt.time_ms, &bundle);
    if (status) {
        (void)tacit_error_set(ret_error, status, NULL);
    } else {
        status = s_save(folder, &bundle, &receipt, ret_path, ret_error);
    }
    tacit_receipt_bundle_release(&bundle);
    return status;
}

int tacit_native_receipt_verify(const tacit_trust_t *trust, const char *path,
                                tacit_native_receipt_t *ret_receipt,
                                tacit_native_member_t *ret_worker, tacit_error_t *ret_error)
{
    tacit_receipt_bundle_t bundle = {.time_ms = 0};
    tacit_proven_receipt_t proven;
    tacit_status_t status = tacit_receipt_store_read(path, &bundle, ret_error);
    if (!status) {
        status = tacit_receipt_bundle_verify(&bundle, trust, &proven, ret_error);
        tacit_receipt_bundle_release(&bundle);
    }
    if (!status) {
        s_describe(&proven.receipt, ret_receipt);
        tacit_native_describe_member(&proven.result, ret_worker);
    }
    return status;
}
