/*  method_table.h - which methods an endpoint serves, searched by name.  */

#ifndef TACIT_RPC_METHOD_TABLE_H
#define TACIT_RPC_METHOD_TABLE_H

#include "rpc/admission.h"
#include "rpc/builtin.h"
#include "rpc/limits.h"
#include "rpc/metrics.h"

/*  One method, and what its handler is called with. Borrowed from the service.  */
typedef struct tacit_entry {
    const tacit_method_t *method;
    const tacit_service_t *service;
    const void *handlers;
    void *self;
    tacit_method_metrics_t *metrics; /* of this method at this endpoint */
    tacit_gate_t *gate;              /* NULL: it has no limits, and does not block */
} tacit_entry_t;

typedef struct tacit_method_table {
    tacit_entry_t *entries; /* owned; ascending by name */
    size_t count;
    tacit_builtin_t *builtins[TACIT_SERVICES_MAX];       /* owned */
    tacit_method_metrics_t *metrics[TACIT_SERVICES_MAX]; /* owned; one per method of that service */
    tacit_gate_t *gates[TACIT_SERVICES_MAX];             /* the same */
    size_t services;
} tacit_method_table_t;

/*  Adds the service's methods and its health, describe and metrics. ALREADY_EXISTS where a name is
   taken, TOO_LARGE beyond TACIT_SERVICES_MAX; the table is then as it was.  */
TACIT_MUST_CHECK tacit_status_t tacit_method_table_add(tacit_method_table_t *table,
                                                       const tacit_service_t *service,
                                                       const void *handlers, void *self);

/*  The method of exactly that name, or NULL.  */
const tacit_entry_t *tacit_method_table_find(const tacit_method_table_t *table, tacit_span_t name);

void tacit_method_table_clear(tacit_method_table_t *table);

#endif
