/*  blob_store.h - large immutable files in one folder: whole and durable, or not there.

    A blob is written beside (NAME.part), synced, renamed and the folder synced before finish says
    that it is there. What a crash leaves unfinished is removed when the folder is opened again,
    unless its owner keeps an index of that: then it goes on from what was synced. A full disk is
    STORAGE_FULL and leaves nothing behind. Reading takes any range without loading the rest. One
    store per folder, and one thread only; but any thread may read, or sync a writer that it has to
    itself.  */

#ifndef TACIT_SERVICES_STORAGE_BLOB_STORE_H
#define TACIT_SERVICES_STORAGE_BLOB_STORE_H

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_BLOB_NAME_MAX = 64 /* characters, without NUL: [a-z0-9-] */ };

typedef struct tacit_blob_store tacit_blob_store_t;
typedef struct tacit_blob_writer tacit_blob_writer_t;

/*  Open the folder, made (mode 0700) where there is none. keep says of unfinished blobs, by their
    names, whether they are kept; NULL: none is. A status other than TACIT_OK from it ends opening.
 */
typedef tacit_status_t (*tacit_blob_keep_fn)(void *context, const char *name, bool *ret_keep);
TACIT_MUST_CHECK tacit_status_t tacit_blob_store_open(const char *folder, tacit_blob_keep_fn keep,
                                                      void *context, tacit_blob_store_t **ret_store,
                                                      tacit_error_t *ret_error);
/*  NULL-safe. Writers must have ended.  */
void tacit_blob_store_destroy(tacit_blob_store_t **store);

/*  1..64 of a-z 0-9 -: nothing that leaves the folder, or that could be an unfinished blob.  */
bool tacit_blob_name_valid(const char *name);

/*  Start a blob. BAD_INPUT on a name that is none, ALREADY_EXISTS where it is being written or was
    finished. The store must outlive the writer.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_create(tacit_blob_store_t *store, const char *name,
                                                  tacit_blob_writer_t **ret_writer);

/*  Go on with an unfinished blob after its first size bytes; what was written after them is cut
   off. NOT_FOUND; CORRUPT where it is shorter.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_resume(tacit_blob_store_t *store, const char *name,
                                                  uint64_t size, tacit_blob_writer_t **ret_writer);

/*  What was appended is durable when it returns TACIT_OK, though unfinished; at once where it is
    already. A failure is as one of append.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_sync(tacit_blob_writer_t *writer);

/*  Ends the writer and leaves the blob unfinished. NULL-safe.  */
void tacit_blob_leave(tacit_blob_writer_t **writer);

/*  Removes an unfinished blob that has no writer; OK where there is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_discard(tacit_blob_store_t *store, const char *name);

/*  The name it was created with. Borrowed while the writer lives.  */
const char *tacit_blob_writer_name(const tacit_blob_writer_t *writer);

/*  Append. After a failure (STORAGE_FULL, STORAGE_FAILED) what was written is gone already, and
    the writer only gives the same status again, until abort.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_append(tacit_blob_writer_t *writer, tacit_span_t bytes);

/*  Durable under its name when it returns TACIT_OK; nothing of it is left otherwise. Ends the
    writer in either case.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_finish(tacit_blob_writer_t **writer);

/*  Ends the writer and removes what it wrote. NULL-safe.  */
void tacit_blob_abort(tacit_blob_writer_t **writer);

/*  Exactly size bytes from offset on. NOT_FOUND, CORRUPT where the blob is shorter. After a failure
    ret_bytes may hold a part.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_read(tacit_blob_store_t *store, const char *name,
                                                uint64_t offset, size_t size, uint8_t *ret_bytes);

/*  The same where the kernel has the bytes in memory. PENDING: the disk must be waited for, or the
    file system cannot tell.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_read_cached(tacit_blob_store_t *store, const char *name,
                                                       uint64_t offset, size_t size,
                                                       uint8_t *ret_bytes);

/*  Bytes of a finished blob.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_size(tacit_blob_store_t *store, const char *name,
                                                uint64_t *ret_size);

/*  Durable when it returns TACIT_OK. NOT_FOUND where there is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_remove(tacit_blob_store_t *store, const char *name);

/*  Remove every finished blob that keep does not name; a status other than TACIT_OK from it ends
    the sweep. For who keeps an index: what the index lost in a crash.  */
TACIT_MUST_CHECK tacit_status_t tacit_blob_sweep(tacit_blob_store_t *store, tacit_blob_keep_fn keep,
                                                 void *context, size_t *ret_removed);

#endif
