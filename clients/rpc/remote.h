/*  remote.h - a service's contract as it told it itself, made into the tables that the codec reads.

    What NAME.describe gives is foreign: it is decoded within the bounds of idl/contract.idl, and
    every index, number, order and size in it is checked before a table points anywhere. A record
    holds only records before it, so that none holds itself.  */

#ifndef TACIT_CLIENTS_REMOTE_H
#define TACIT_CLIENTS_REMOTE_H

#include "idl/contract.h"
#include "rpc/client.h"

enum {
    TACIT_REMOTE_STRUCT_MAX = 64 * 1024, /* bytes of a record in memory, lists apart */
    TACIT_REMOTE_DEPTH_MAX = 8           /* records inside of each other */
};

typedef struct tacit_remote tacit_remote_t;

/*  From a contract's bytes, which are copied. MALFORMED, BAD_INPUT, TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_new(tacit_span_t contract, tacit_remote_t **ret_remote,
                                                 tacit_error_t *ret_error);
void tacit_remote_destroy(tacit_remote_t **remote);

/*  The same from the service on that connection.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_fetch(tacit_client_t *client, const char *service,
                                                   tacit_remote_t **ret_remote,
                                                   tacit_error_t *ret_error);

const tacit_contract_contract_t *tacit_remote_contract(const tacit_remote_t *remote);

/*  The method of that name ("service.method"), or NULL.  */
const tacit_method_t *tacit_remote_method(const tacit_remote_t *remote, const char *name);

/*  Of a field of kind enum in one of its tables: the value's name, and the other way round. NULL
    and false where there is none.  */
const char *tacit_remote_enum_name(const tacit_remote_t *remote, const tacit_field_t *field,
                                   uint32_t number);
bool tacit_remote_enum_number(const tacit_remote_t *remote, const tacit_field_t *field,
                              const char *name, uint32_t *ret_number);

#endif
