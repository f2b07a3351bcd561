/*  excerpt.h - of a contract's text, the part that is about one method.  */

#ifndef TACIT_CLIENTS_RPC_EXCERPT_H
#define TACIT_CLIENTS_RPC_EXCERPT_H

#include "enclave/span.h"

/*  The declaration of that method (its name without the service's), with the comment before it, up
    to the empty line behind it; borrowed from text. Nothing where there is none.  */
tacit_span_t tacit_excerpt_method(tacit_span_t text, const char *name);

#endif
