/*  tdx_fuzz.c - foreign bytes as a TDX quote, as edits to a genuine one, and as signed TCB info.

    The first byte says which. Keys differ from run to run, so that a corpus cannot hold a quote
   that verifies: edits are (u16 place, u8 value) to the one that was made here. TCB info is signed
    anew, so that inputs get past its signature.  */

#include <stdio.h>
#include <stdlib.h>

#include "enclave/dcap.h"
#include "tests/evidence/tdx_forge.h"

enum { TRY_QUOTE, TRY_EDITS, TRY_TCB_INFO, TRIES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_verify(const tdx_sample_t *sample, tacit_span_t quote,
                     const tacit_collateral_t *collateral)
{
    static tacit_verdict_t verdict;
    tacit_error_t error = {0};
    tacit_status_t status =
        tacit_dcap_verify(quote, collateral, sample->root_sha256, FORGE_NOW_MS, &verdict, &error);
    if (status != TACIT_OK && (error.code != status || error.remedy[0] == '\0')) {
        abort();
    }
    /*  Only the domain that was quoted can come out.  */
    if (status == TACIT_OK && verdict.claims.dcap.body[TACIT_TD_MRTD] != 0x3d) {
        abort();
    }
}

static void s_try_edits(const tdx_sample_t *sample, tacit_span_t edits)
{
    static uint8_t quote[TACIT_QUOTE_MAX];
    tacit_cursor_t cursor = tacit_cursor(edits);
    memcpy(quote, sample->quote, sample->quote_size);
    while (cursor.rest.size >= 3) {
        size_t at = tacit_cursor_u16(&cursor) % sample->quote_size;
        quote[at] = tacit_cursor_u8(&cursor);
    }
    s_verify(sample, tacit_span(quote, sample->quote_size), &sample->collateral);
}

static void s_try_tcb_info(const tdx_sample_t *sample, tacit_span_t inner)
{
    char *text = NULL;
    char *copy = strndup((const char *)inner.data, inner.size);
    if (copy && tacit_pki_envelope(sample->pki, "tcbInfo", copy, &text) == TACIT_OK) {
        tacit_collateral_t collateral = sample->collateral;
        collateral.tcb_info = tacit_span_string(text);
        s_verify(sample, tacit_span(sample->quote, sample->quote_size), &collateral);
    }
    free(text);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tdx_sample_t sample;
    if (!sample.pki) {
        size_t row = 0;
        while (strcmp(tdx_classes[row].name, "v5_td15") != 0) {
            row++;
        }
        tdx_forge_open(&tdx_classes[row], &sample);
    }
    if (size < 1) {
        return 0;
    }
    tacit_span_t rest = tacit_span(data + 1, size - 1);
    switch (data[0] % TRIES) {
    case TRY_QUOTE:
        s_verify(&sample, rest, &sample.collateral);
        break;
    case TRY_EDITS:
        s_try_edits(&sample, rest);
        break;
    default:
        s_try_tcb_info(&sample, rest);
        break;
    }
    return 0;
}
