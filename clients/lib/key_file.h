/*  key_file.h - a few secret values in a file of one's own.

    One line of JSON whose members are hex strings, in a fixed order:
    {"curve_secret": "0f..", "signing_seed": "a1.."}. It is read exactly as it is written, by hand,
    so that no general parser leaves copies of keys behind; text and values are in secret memory.
    The file is 0600; one that others may read, or that is not this user's, is refused.  */

#ifndef TACIT_CLIENTS_KEY_FILE_H
#define TACIT_CLIENTS_KEY_FILE_H

#include "enclave/error.h"
#include "enclave/secret.h"

enum {
    TACIT_KEY_FILE_FIELDS_MAX = 4,
    TACIT_KEY_FILE_NAME_MAX = 32, /* bytes of a member's name */
    TACIT_KEY_FILE_VALUE_MAX = 64 /* bytes of a value */
};

typedef struct tacit_key_field {
    const char *name; /* [a-z0-9_], at most TACIT_KEY_FILE_NAME_MAX */
    uint8_t *bytes;   /* borrowed */
    size_t size;      /* 1..TACIT_KEY_FILE_VALUE_MAX */
} tacit_key_field_t;

/*  Fills the fields' bytes. NOT_FOUND where there is no such file; BAD_INPUT, with a remedy, where
    others may read it or it is not exactly of that form: then the bytes are wiped.  */
TACIT_MUST_CHECK tacit_status_t tacit_key_file_read(const char *path,
                                                    const tacit_key_field_t *fields, size_t count,
                                                    tacit_error_t *ret_error);

/*  Makes the file, durably: ALREADY_EXISTS where there is one. replace puts it in the place of what
    is there.  */
TACIT_MUST_CHECK tacit_status_t tacit_key_file_create(const char *path,
                                                      const tacit_key_field_t *fields, size_t count,
                                                      tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_key_file_replace(const char *path,
                                                       const tacit_key_field_t *fields,
                                                       size_t count, tacit_error_t *ret_error);

/*  Makes a folder for such files, with its parents, as mkdir -p; what is made is 0700. BAD_INPUT
    where others may write to it: they could put files of their own in the place of these.  */
TACIT_MUST_CHECK tacit_status_t tacit_key_folder_make(const char *folder, tacit_error_t *ret_error);

#endif
