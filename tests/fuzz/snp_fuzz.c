/*  snp_fuzz.c - foreign bytes as an SEV-SNP report with its certificates.

    report 1184 | u16 size, VEK | u16 size, ASK | ARK. Whatever ARK comes is trusted here, so that
    inputs which keep theirs get past the anchor. A refusal always explains itself.  */

#include <openssl/evp.h>
#include <stdlib.h>

#include "enclave/snp.h"

#define NOW_MS UINT64_C(1790000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tacit_verdict_t verdict;
    uint8_t root[EVP_MAX_MD_SIZE] = {0};
    tacit_error_t error = {0};
    tacit_cursor_t cursor = tacit_cursor(tacit_span(data, size));
    tacit_snp_chain_t chain = {0};
    size_t room = cursor.rest.size;
    tacit_span_t report =
        tacit_cursor_take(&cursor, room < TACIT_SNP_REPORT_SIZE ? room : TACIT_SNP_REPORT_SIZE);
    chain.vek = tacit_cursor_take(&cursor, tacit_cursor_u16(&cursor));
    chain.ask = tacit_cursor_take(&cursor, tacit_cursor_u16(&cursor));
    chain.ark = cursor.failed ? tacit_span(NULL, 0) : cursor.rest;
    if (chain.ark.size > 0) {
        (void)EVP_Digest(chain.ark.data, chain.ark.size, root, NULL, EVP_sha256(), NULL);
    }
    tacit_status_t status = tacit_snp_verify(report, &chain, root, NULL, NOW_MS, &verdict, &error);
    if (status != TACIT_OK && (error.code != status || error.remedy[0] == '\0')) {
        abort();
    }
    return 0;
}
