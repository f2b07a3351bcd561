/*  evidence_fuzz.c - foreign bytes in place of each thing that the verifier reads.

    The first byte of an input says what is replaced: the quote, a part of the collateral, the
    certificates in the quote, or the content of a signed document (signed again, so that the
    fuzzer gets past the signature). The rest is the replacement or, with the top bit, a list of
    edits to the genuine bytes: keys differ from run to run, so no corpus could hold these.
    Whatever comes, evidence may verify only with the claims of the one enclave that was quoted.  */

#include <stdio.h>
#include <stdlib.h>

#include "enclave/evidence.h"
#include "enclave/sgx_quote.h"
#include "services/platform/quoting.h"
#include "services/platform/tcb_info.h"

#define NOW_S 1790000000ULL

enum { AUTH_SIZE = 32, CHAIN_LENGTH_AT = TACIT_QUOTE_AUTH_LENGTH + 2 + AUTH_SIZE + 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    tacit_pki_t *pki;
    uint8_t root_sha256[32];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size;
    tacit_claims_t claims; /* the only ones that may come out */
} world_t;

static void s_check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "evidence_fuzz: %s\n", what);
        abort();
    }
}

static void s_make_world(world_t *world)
{
    const tacit_pki_options_t options = {.now_s = NOW_S};
    const tacit_self_t self = {.mrenclave = {1}, .mrsigner = {2}, .product_id = 3, .svn = 4};
    const uint8_t report_data[64] = {5};
    tacit_quoting_t *quoting = NULL;
    s_check(tacit_pki_new(&options, &world->pki) == TACIT_OK, "no vendor");
    s_check(tacit_quoting_new(world->pki, &quoting) == TACIT_OK, "no quoting enclave");
    s_check(tacit_quoting_quote(quoting, &self, report_data, world->quote, &world->quote_size) ==
                TACIT_OK,
            "no quote");
    tacit_quoting_destroy(&quoting);
    tacit_pki_root_sha256(world->pki, world->root_sha256);
    s_check(tacit_evidence_verify(tacit_span(world->quote, world->quote_size),
                                  tacit_pki_collateral(world->pki), world->root_sha256,
                                  NOW_S * 1000, &world->claims, NULL) == TACIT_OK,
            "the genuine quote does not verify");
}

static void s_verify(const world_t *world, tacit_span_t quote, const tacit_collateral_t *collateral)
{
    tacit_claims_t claims;
    tacit_error_t error = {0};
    tacit_status_t status =
        tacit_evidence_verify(quote, collateral, world->root_sha256, NOW_S * 1000, &claims, &error);
    s_check(status == TACIT_OK || (error.code == status && error.message[0] != '\0'),
            "a refusal that does not explain itself");
    s_check(status != TACIT_OK ||
                (memcmp(claims.mrenclave, world->claims.mrenclave, 32) == 0 &&
                 memcmp(claims.report_data, world->claims.report_data, 64) == 0 &&
                 claims.tcb_status != TACIT_TCB_REVOKED && claims.expires_ms > NOW_S * 1000),
            "claims that nobody made");
}

static void s_try_quote(const world_t *world, tacit_span_t input)
{
    tacit_claims_t claims;
    (void)!tacit_evidence_verify_report(input, &claims, NULL);
    s_verify(world, input, tacit_pki_collateral(world->pki));
}

static void s_put_u32(uint8_t *at, size_t value)
{
    for (size_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void s_try_chain(const world_t *world, tacit_span_t input)
{
    size_t chain_at = CHAIN_LENGTH_AT + 4;
    size_t size = chain_at + input.size;
    if (size > TACIT_QUOTE_MAX) {
        return;
    }
    uint8_t *quote = malloc(size);
    s_check(quote != NULL, "no memory");
    memcpy(quote, world->quote, chain_at);
    if (input.size > 0) {
        memcpy(quote + chain_at, input.data, input.size);
    }
    s_put_u32(quote + CHAIN_LENGTH_AT, input.size);
    s_put_u32(quote + TACIT_QUOTE_SECTION_LENGTH, size - TACIT_QUOTE_SIGNATURE);
    s_verify(world, tacit_span(quote, size), tacit_pki_collateral(world->pki));
    free(quote);
}

static tacit_span_t *s_part(tacit_collateral_t *collateral, uint8_t part)
{
    tacit_span_t *const parts[] = {
        &collateral->tcb_info,          &collateral->qe_identity,
        &collateral->tcb_signing_chain, &collateral->pck_crl_issuer_chain,
        &collateral->root_crl,          &collateral->pck_crl};
    return parts[part];
}

static void s_try_part(const world_t *world, uint8_t part, tacit_span_t input)
{
    tacit_collateral_t collateral = *tacit_pki_collateral(world->pki);
    *s_part(&collateral, part) = input;
    s_verify(world, tacit_span(world->quote, world->quote_size), &collateral);
}

static void s_try_signed(const world_t *world, uint8_t part, tacit_span_t input)
{
    static const char *const names[] = {"tcbInfo", "enclaveIdentity"};
    char *inner = strndup((const char *)input.data, input.size);
    char *text = NULL;
    s_check(inner != NULL, "no memory");
    s_check(tacit_pki_envelope(world->pki, names[part], inner, &text) == TACIT_OK, "no signature");
    s_try_part(world, part, tacit_span_string(text));
    free(text);
    free(inner);
}

/*  Parts 0 to 5 of the collateral, then these.  */
enum { TRY_PARTS = 6, TRY_QUOTE = 6, TRY_CHAIN, TRY_TCB_INFO, TRY_QE_IDENTITY, TRIES };

static tacit_span_t s_genuine(const world_t *world, uint8_t what,
                              char text[TACIT_TCB_INFO_TEXT_MAX])
{
    const tacit_pki_options_t options = {0};
    const tacit_validity_t validity = {NOW_S - 1, NOW_S + 1};
    tacit_collateral_t collateral = *tacit_pki_collateral(world->pki);
    switch (what) {
    case TRY_QUOTE:
        return tacit_span(world->quote, world->quote_size);
    case TRY_CHAIN:
        return tacit_pki_pck_chain(world->pki);
    case TRY_TCB_INFO:
        tacit_tcb_info_text(tacit_pki_platform(world->pki), &options, validity, text);
        return tacit_span_string(text);
    case TRY_QE_IDENTITY:
        tacit_qe_identity_text(&options, validity, text);
        return tacit_span_string(text);
    default:
        return *s_part(&collateral, what);
    }
}

enum { EDITED_MAX = 2 * TACIT_QUOTE_MAX, EDITS_MAX = 64 };

/*  Edits of four bytes each: where (u16), how, with what.  */
static size_t s_edit(tacit_span_t script, uint8_t *bytes, size_t size)
{
    tacit_cursor_t cursor = tacit_cursor(script);
    for (size_t i = 0; i < EDITS_MAX && cursor.rest.size >= 4 && size > 0; i++) {
        size_t at = tacit_cursor_u16(&cursor) % size;
        uint8_t how = tacit_cursor_u8(&cursor);
        uint8_t with = tacit_cursor_u8(&cursor);
        size_t count = with < size - at ? with : size - at;
        switch (how % 5) {
        case 0:
            bytes[at] = with;
            break;
        case 1:
            bytes[at] ^= with;
            break;
        case 2: /* remove */
            memmove(bytes + at, bytes + at + count, size - at - count);
            size -= count;
            break;
        case 3: /* double */
            if (size + count <= EDITED_MAX) {
                memmove(bytes + at + count, bytes + at, size - at);
                size += count;
            }
            break;
        default: /* cut */
            size = with == 0 ? at : size;
            break;
        }
    }
    return size;
}

static void s_try(const world_t *world, uint8_t what, tacit_span_t input)
{
    /*  A copy of its own, so that a sanitizer sees any read beyond the input.  */
    uint8_t *copy = malloc(input.size > 0 ? input.size : 1);
    s_check(copy != NULL, "no memory");
    if (input.size > 0) {
        memcpy(copy, input.data, input.size);
    }
    tacit_span_t own = tacit_span(copy, input.size);
    if (what < TRY_PARTS) {
        s_try_part(world, what, own);
    } else if (what == TRY_QUOTE) {
        s_try_quote(world, own);
    } else if (what == TRY_CHAIN) {
        s_try_chain(world, own);
    } else {
        s_try_signed(world, (uint8_t)(what - TRY_TCB_INFO), own);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world_t world;
    static uint8_t edited[EDITED_MAX];
    if (!world.pki) {
        s_make_world(&world);
    }
    if (size < 1) {
        return 0;
    }
    uint8_t what = (uint8_t)((data[0] & 0x7f) % TRIES);
    tacit_span_t rest = tacit_span(data + 1, size - 1);
    if (data[0] & 0x80) {
        char text[TACIT_TCB_INFO_TEXT_MAX];
        tacit_span_t genuine = s_genuine(&world, what, text);
        s_check(genuine.size <= EDITED_MAX, "genuine bytes too many to edit");
        memcpy(edited, genuine.data, genuine.size);
        rest = tacit_span(edited, s_edit(rest, edited, genuine.size));
    }
    s_try(&world, what, rest);
    return 0;
}
