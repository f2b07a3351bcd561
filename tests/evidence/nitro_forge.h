/*  nitro_forge.h - Nitro documents of a simulated cloud, in order or with one thing wrong.  */

#ifndef TACIT_TESTS_EVIDENCE_NITRO_FORGE_H
#define TACIT_TESTS_EVIDENCE_NITRO_FORGE_H

#include "enclave/status.h"
#include "tests/evidence/forge.h"

enum { NITRO_FORGE_MAX = 16 * 1024, NITRO_FORGE_CHAIN = 5 };

typedef struct nitro_forge {
    EVP_PKEY *keys[NITRO_FORGE_CHAIN]; /* root, region, zone, instance, leaf; owned */
    X509 *certificates[NITRO_FORGE_CHAIN];
    uint8_t root_sha256[32];
} nitro_forge_t;

/*  What may be wrong, each with a name and what a verifier must say to it.  */
typedef struct nitro_class {
    const char *name;
    tacit_status_t expected;
} nitro_class_t;

extern const nitro_class_t nitro_classes[];
extern const size_t nitro_class_count;

void nitro_forge_open(nitro_forge_t *forge);
void nitro_forge_close(nitro_forge_t *forge);

/*  A document of that class; how long it is.  */
size_t nitro_forge_document(nitro_forge_t *forge, const nitro_class_t *class,
                            uint8_t ret_document[NITRO_FORGE_MAX]);

#endif
