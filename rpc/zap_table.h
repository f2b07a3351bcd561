/*  zap_table.h - whom the ZAP handler lets in: keys that domains admit (tacit_zap_admit) and
    connections that were announced (tacit_zap_expect). For zap.c alone. Any thread.  */

#ifndef TACIT_RPC_ZAP_TABLE_H
#define TACIT_RPC_ZAP_TABLE_H

#include "enclave/span.h"
#include "rpc/limits.h"
#include "rpc/zap.h"

enum { TACIT_ZAP_FIELD_MAX = 255 /* bytes of every part of a request; RFC 27 allows no more */ };

/*  Every key, where the domain has no list.  */
bool tacit_zap_key_admitted(tacit_span_t domain, const uint8_t key[TACIT_CURVE_KEY_SIZE]);

/*  Whoever knows name and token of an announced connection comes in once.  */
bool tacit_zap_take_expected(tacit_span_t domain, const uint8_t name[TACIT_ZAP_EXPECTED_SIZE],
                             const uint8_t token[TACIT_ZAP_EXPECTED_SIZE]);

#endif
