/*  caller.h - may this caller call that method? The `caller` of the contracts, enforced.  */

#ifndef TACIT_RPC_CALLER_H
#define TACIT_RPC_CALLER_H

#include "rpc/schema.h"
#include "rpc/session_table.h"

/*  row: the caller's, NULL where there is none. operator_key: 32 bytes, NULL where nobody is the
    operator. NO_SESSION, SESSION_EXPIRED or CALLER_REFUSED. A method of an owner is let through
    here for any user, since arguments are not decoded yet: tacit_caller_owns decides then.  */
TACIT_MUST_CHECK tacit_status_t tacit_caller_check(const tacit_method_t *method,
                                                   const tacit_connection_t *row,
                                                   const uint8_t *operator_key,
                                                   tacit_error_t *ret_error);

/*  OK for methods of anybody but owners.  */
TACIT_MUST_CHECK tacit_status_t tacit_caller_owns(const tacit_method_t *method,
                                                  const tacit_connection_t *row, const void *args,
                                                  tacit_error_t *ret_error);

#endif
