/*  error.h - a refusal that explains itself.

    Functions that judge (evidence, policy, models, calls) take a tacit_error_t as their last
    argument and fill it when they fail: what was looked at, what was expected, what was found,
    what to do. NULL is allowed everywhere. Never put a secret into one: errors are logged and,
    to a caller who may know, sent.  */

#ifndef TACIT_ENCLAVE_ERROR_H
#define TACIT_ENCLAVE_ERROR_H

#include "enclave/status.h"

enum {
    TACIT_ERROR_NAME_MAX = 48,     /* with the final NUL, as all below */
    TACIT_ERROR_CLAIM_MAX = 96,    /* the claim or argument that failed */
    TACIT_ERROR_VALUE_MAX = 200,   /* expected, got */
    TACIT_ERROR_MESSAGE_MAX = 256, /* what happened, in one sentence */
    TACIT_ERROR_REMEDY_MAX = 256   /* what to do */
};

typedef struct tacit_error {
    tacit_status_t code;                   /* TACIT_OK: nothing happened */
    char name[TACIT_ERROR_NAME_MAX];       /* wire name of the code */
    char message[TACIT_ERROR_MESSAGE_MAX]; /* never empty once set */
    char claim[TACIT_ERROR_CLAIM_MAX];     /* may be empty, as all below */
    char expected[TACIT_ERROR_VALUE_MAX];
    char got[TACIT_ERROR_VALUE_MAX];
    char policy[TACIT_ERROR_VALUE_MAX]; /* the policy line that decided */
    char remedy[TACIT_ERROR_REMEDY_MAX];
    uint32_t retry_after_ms; /* of BUSY, DRAINING: not before; 0: nothing was said */
} tacit_error_t;

/*  Set code, name and message (printf-like; the status's own text where format is NULL), clear
    the rest, and return the code, so that a refusal is one statement. Truncates, never fails.  */
tacit_status_t tacit_error_set(tacit_error_t *error, tacit_status_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*  As above for a code of a service's own, whose wire name the IDL gives.  */
tacit_status_t tacit_error_set_named(tacit_error_t *error, tacit_status_t code, const char *name,
                                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/*  A claim that was judged: the message is the status's text. Any string may be NULL.  */
tacit_status_t tacit_error_claim(tacit_error_t *error, tacit_status_t code, const char *claim,
                                 const char *expected, const char *got);

/*  Leave what a stranger may know: code, name, and what that code means; nothing of why. A
   service's own code keeps its name, and what it means is the reader's to know.  */
void tacit_error_conceal(tacit_error_t *error);

/*  Put before the message what it is about, a file for one. Either is shortened to half of it.  */
void tacit_error_about(tacit_error_t *error, const char *what);

/*  Add to an error that was set.  */
void tacit_error_remedy(tacit_error_t *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tacit_error_policy(tacit_error_t *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
