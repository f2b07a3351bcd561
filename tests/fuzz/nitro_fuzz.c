/*  nitro_fuzz.c - foreign bytes as a Nitro document.

    Whatever root a document brings is trusted here, so that inputs which keep their certificates
    get past the anchor, to the chain and the signature. A refusal always explains itself.  */

#include <openssl/evp.h>
#include <stdlib.h>

#include "enclave/nitro.h"

#define NOW_MS UINT64_C(1790000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tacit_verdict_t verdict;
    tacit_nitro_document_t document;
    uint8_t root[EVP_MAX_MD_SIZE] = {0};
    tacit_error_t error = {0};
    tacit_span_t bytes = tacit_span(data, size);
    if (tacit_nitro_document_parse(bytes, &document, NULL) == TACIT_OK) {
        (void)EVP_Digest(document.bundle[0].data, document.bundle[0].size, root, NULL, EVP_sha256(),
                         NULL);
    }
    tacit_status_t status = tacit_nitro_verify(bytes, root, NULL, NOW_MS, &verdict, &error);
    if (status != TACIT_OK && (error.code != status || error.remedy[0] == '\0')) {
        abort();
    }
    /*  The same without the chain, as members of a mesh judge each other.  */
    tacit_claims_t claims;
    status = tacit_evidence_verify_report(bytes, &claims, &error);
    if (status != TACIT_OK && (error.code != status || error.message[0] == '\0')) {
        abort();
    }
    return 0;
}
