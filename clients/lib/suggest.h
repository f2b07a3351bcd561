/*  suggest.h - what a user may do about an error whose finder did not say.  */

#ifndef TACIT_CLIENTS_SUGGEST_H
#define TACIT_CLIENTS_SUGGEST_H

#include "enclave/error.h"

/*  Fills the remedy where there is none and this kind of error has a usual one.  */
void tacit_suggest(tacit_error_t *error);

#endif
