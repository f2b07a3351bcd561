/*  builtin.h - NAME.health and NAME.describe, which every service answers to anyone, and
    NAME.metrics, which is the operator's: how much is called is for nobody else to know.

    Their names depend on the service, so that they are made at run time at both ends:
        health()   -> (1 status: string[..31])
        describe() -> (1 text: bytes[..262144], 2 sha256: bytes[32], 3 contract: bytes[..262144]
                      optional)           the IDL's text, its hash, and the same as data
        metrics()  -> (1 text: bytes[..1000000])  of the whole endpoint, in OpenMetrics' format  */

#ifndef TACIT_RPC_BUILTIN_H
#define TACIT_RPC_BUILTIN_H

#include "rpc/frame.h"
#include "rpc/metrics.h"
#include "rpc/schema.h"

enum {
    TACIT_HEALTH_STATUS_MAX = 31,
    TACIT_DESCRIBE_TEXT_MAX = 256 * 1024,
    TACIT_DESCRIBE_CONTRACT_MAX = 256 * 1024,
    TACIT_BUILTIN_DEADLINE_MS = 5000
};

/*  Arguments of all: none.  */
typedef struct tacit_builtin_args {
    uint8_t reserved;
} tacit_builtin_args_t;

typedef struct tacit_health_result {
    tacit_span_t status; /* "ready" */
} tacit_health_result_t;

typedef struct tacit_describe_result {
    tacit_span_t text;
    tacit_span_t sha256;
    bool has_contract;
    tacit_span_t contract; /* idl/contract.idl; older services give none */
} tacit_describe_result_t;

typedef struct tacit_metrics_result {
    tacit_span_t text;
} tacit_metrics_result_t;

typedef enum tacit_builtin_method {
    TACIT_BUILTIN_HEALTH,
    TACIT_BUILTIN_DESCRIBE,
    TACIT_BUILTIN_METRICS,
    TACIT_BUILTIN_METHODS
} tacit_builtin_method_t;

/*  The methods of one service; point into the struct, which must not move. invoke takes the
    tacit_service_t as self.  */
typedef struct tacit_builtin {
    char names[TACIT_BUILTIN_METHODS][TACIT_METHOD_NAME_MAX + 1];
    tacit_method_t methods[TACIT_BUILTIN_METHODS];
} tacit_builtin_t;

/*  BAD_INPUT where the service's name is too long.  */
TACIT_MUST_CHECK tacit_status_t tacit_builtin_init(tacit_builtin_t *builtin, const char *service);

#endif
