/*  receipt_store.h - a folder of receipts: TIME-REQUEST.json, and beside it, where they are kept,
    the sealed bytes that the receipt speaks of: TIME-REQUEST.request and TIME-REQUEST.response.  */

#ifndef TACIT_CLIENTS_DATAOWNER_RECEIPT_STORE_H
#define TACIT_CLIENTS_DATAOWNER_RECEIPT_STORE_H

#include <limits.h>

#include "clients/lib/answer.h"
#include "clients/lib/receipt_bundle.h"

/*  Saves a receipt, durably; the sealed bytes first, where keep says so. The folder is made.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_store_put(const char *folder,
                                                        const tacit_receipt_bundle_t *bundle,
                                                        const tacit_answer_t *answer, bool keep,
                                                        char ret_path[PATH_MAX],
                                                        tacit_error_t *ret_error);

/*  Reads one; release it.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_store_read(const char *path,
                                                         tacit_receipt_bundle_t *ret_bundle,
                                                         tacit_error_t *ret_error);

/*  The paths of the receipts in a folder, oldest first; free each and the list. NOT_FOUND where
    there is no such folder.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_store_list(const char *folder, char ***ret_paths,
                                                         size_t *ret_count,
                                                         tacit_error_t *ret_error);

#endif
