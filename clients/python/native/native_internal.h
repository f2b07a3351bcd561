/*  native_internal.h - what the parts of libtacit-client.so share. Nobody else includes this.  */

#ifndef TACIT_CLIENTS_PYTHON_NATIVE_INTERNAL_H
#define TACIT_CLIENTS_PYTHON_NATIVE_INTERNAL_H

#include "clients/python/native/native.h"
#include "enclave/result.h"

struct tacit_native_mesh {
    tacit_trust_t trust;
    uint8_t mesh_id[32];
    uint8_t nonce[32];
    uint8_t result_key[32]; /* Ed25519: whose results are believed */
    uint8_t *introduction;  /* owned; the evidence that was verified, for receipts */
    size_t introduction_size;
};

void tacit_native_describe_member(const tacit_result_t *result, tacit_native_member_t *ret_member);

#endif
