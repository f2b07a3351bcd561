/*  withdraw.h - taking back what was given: grants, and models with their keys.  */

#ifndef TACIT_CLIENTS_MLOWNER_WITHDRAW_H
#define TACIT_CLIENTS_MLOWNER_WITHDRAW_H

#include "clients/mlowner/publish.h"

/*  Take back every active grant of a model to a user (NULL: to anybody); tells how many.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_revoke(tacit_owner_t *owner, const char *name,
                                                   const uint8_t *user, size_t *ret_count,
                                                   tacit_error_t *ret_error);

/*  Remove a version (0: all, with their grants) from key service, store and local ring; what is not
    there is no error as long as something was.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_remove(tacit_owner_t *owner, const char *name,
                                                   uint32_t version, tacit_error_t *ret_error);

#endif
