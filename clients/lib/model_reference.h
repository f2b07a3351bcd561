/*  model_reference.h - which model a user means: OWNER/NAME[@VERSION].

    OWNER is the owner's id, 64 hex digits, or at least the first eight of them where they name one
    owner of such a model. Whose models are meant anyway writes NAME[@VERSION]. Without a version
    the newest is meant.  */

#ifndef TACIT_CLIENTS_MODEL_REFERENCE_H
#define TACIT_CLIENTS_MODEL_REFERENCE_H

#include "enclave/error.h"
#include "enclave/model_package.h"

enum { TACIT_REFERENCE_OWNER_MIN = 8 /* hex digits */ };

typedef struct tacit_model_reference {
    char owner_digits[2 * 32 + 1]; /* as typed, in lowercase */
    bool resolved;                 /* owner is meant */
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version; /* 0: the newest */
} tacit_model_reference_t;

/*  Reads a reference; own is the key of the only owner that can be meant, or NULL where OWNER must
    be typed. BAD_INPUT says what is wrong.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_reference_parse(const char *text, const uint8_t *own,
                                                            tacit_model_reference_t *ret_reference,
                                                            tacit_error_t *ret_error);

/*  Takes notice of a model that exists: an abbreviated owner that fits is resolved. BAD_INPUT where
    it fits a second owner, so that the abbreviation names nobody.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_reference_consider(tacit_model_reference_t *reference,
                                                               const uint8_t owner[32],
                                                               const char *name,
                                                               tacit_error_t *ret_error);

#endif
