/*  nitro_forge.c - a writer of CBOR that also writes what a strict reader refuses.  */

#include "tests/evidence/nitro_forge.h"

#include <openssl/evp.h>
#include <string.h>

#include "enclave/cbor_writer.h"

const nitro_class_t nitro_classes[] = {
    {"good", TACIT_OK},
    {"debug", TACIT_OK},
    {"tagged", TACIT_OK},
    {"indefinite", TACIT_OK},
    {"without_fields", TACIT_OK},
    {"longest_nonce", TACIT_OK},
    {"nonce_too_long", TACIT_EVIDENCE_MALFORMED},
    {"alg_es256", TACIT_UNSUPPORTED},
    {"pcr0_changed", TACIT_SIGNATURE_INVALID},
    {"signature_changed", TACIT_SIGNATURE_INVALID},
    {"trailing", TACIT_EVIDENCE_MALFORMED},
    {"payload_trailing", TACIT_EVIDENCE_MALFORMED},
    {"self_signed", TACIT_EVIDENCE_MALFORMED},
    {"duplicate_key", TACIT_EVIDENCE_MALFORMED},
    {"duplicate_pcr", TACIT_EVIDENCE_MALFORMED},
    {"not_minimal", TACIT_EVIDENCE_MALFORMED},
    {"too_deep", TACIT_EVIDENCE_MALFORMED},
    {"unknown_member", TACIT_EVIDENCE_MALFORMED},
    {"short_pcr", TACIT_EVIDENCE_MALFORMED},
    {"pcr_32", TACIT_EVIDENCE_MALFORMED},
    {"no_pcr0", TACIT_EVIDENCE_MALFORMED},
    {"other_digest", TACIT_EVIDENCE_MALFORMED},
    {"from_the_future", TACIT_COLLATERAL_EXPIRED},
    {"before_its_leaf", TACIT_COLLATERAL_EXPIRED},
    {"leaf_expired", TACIT_COLLATERAL_EXPIRED},
    {"leaf_to_come", TACIT_COLLATERAL_EXPIRED},
    {"leaf_is_authority", TACIT_CERTIFICATE_INVALID},
    {"leaf_without_use", TACIT_CERTIFICATE_INVALID},
    {"instance_is_no_authority", TACIT_CERTIFICATE_INVALID},
    {"path_too_long", TACIT_CERTIFICATE_INVALID},
    {"leaf_of_another", TACIT_SIGNATURE_INVALID},
    {"bundle_reversed", TACIT_TRUST_ANCHOR_REFUSED},
    {"another_root", TACIT_TRUST_ANCHOR_REFUSED},
    {"root_missing", TACIT_TRUST_ANCHOR_REFUSED},
    {"zone_missing", TACIT_CERTIFICATE_INVALID},
};
const size_t nitro_class_count = sizeof nitro_classes / sizeof nitro_classes[0];

enum { ROOT, REGION, ZONE, INSTANCE, LEAF };
enum { BYTES = 0x40, TEXT = 0x60, ARRAY = 0x80, MAP = 0xa0, NULL_VALUE = 0xf6, BREAK = 0xff };

typedef tacit_cbor_writer_t writer_t;

static bool s_is(const nitro_class_t *class, const char *name)
{
    return strcmp(class->name, name) == 0;
}

static void s_raw(writer_t *out, const void *bytes, size_t size)
{
    tacit_cbor_write_raw(out, bytes, size);
    forge_check(!out->failed, "a document so long");
}

static void s_byte(writer_t *out, unsigned byte)
{
    uint8_t one = (uint8_t)byte;
    s_raw(out, &one, 1);
}

/*  major: the first byte of an item of that type and nothing in it.  */
static void s_head(writer_t *out, unsigned major, uint64_t number)
{
    tacit_cbor_write_head(out, (tacit_cbor_type_t)(major >> 5), number);
}

static void s_string(writer_t *out, unsigned major, tacit_span_t bytes)
{
    s_head(out, major, bytes.size);
    s_raw(out, bytes.data, bytes.size);
}

static void s_text(writer_t *out, const char *text)
{
    tacit_cbor_write_text(out, text);
}

static const char *const s_names[NITRO_FORGE_CHAIN] = {"SIMULATED aws.nitro-enclaves",
                                                       "SIMULATED region", "SIMULATED zone",
                                                       "SIMULATED instance", "SIMULATED enclave"};

static void s_new_certificate(nitro_forge_t *forge, int place, int issuer, forge_spec_t spec)
{
    X509_free(forge->certificates[place]);
    spec.name = s_names[place];
    spec.key = forge->keys[place];
    spec.issuer = place == issuer ? NULL : forge->certificates[issuer];
    spec.issuer_key = forge->keys[issuer];
    spec.from_s = spec.from_s ? spec.from_s : FORGE_NOW_S - 60;
    spec.until_s = spec.until_s ? spec.until_s : FORGE_NOW_S + 3 * FORGE_HOUR_S;
    forge->certificates[place] = forge_certificate(&spec);
}

static void s_chain(nitro_forge_t *forge)
{
    for (int i = ROOT; i <= INSTANCE; i++) {
        s_new_certificate(forge, i, i == ROOT ? ROOT : i - 1,
                          (forge_spec_t){.path_length = i == ROOT ? -1 : INSTANCE - i,
                                         .until_s = FORGE_NOW_S + 30 * FORGE_DAY_S});
    }
    s_new_certificate(forge, LEAF, INSTANCE, (forge_spec_t){.use = FORGE_SIGNER});
}

void nitro_forge_open(nitro_forge_t *forge)
{
    unsigned size = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    memset(forge, 0, sizeof *forge);
    for (int i = 0; i < NITRO_FORGE_CHAIN; i++) {
        forge->keys[i] = forge_p384();
    }
    s_chain(forge);
    forge_check(X509_digest(forge->certificates[ROOT], EVP_sha256(), digest, &size) == 1, "a hash");
    memcpy(forge->root_sha256, digest, sizeof forge->root_sha256);
}

void nitro_forge_close(nitro_forge_t *forge)
{
    for (int i = 0; i < NITRO_FORGE_CHAIN; i++) {
        EVP_PKEY_free(forge->keys[i]);
        X509_free(forge->certificates[i]);
    }
}

/*  The certificates of that class; the root stays.  */
static void s_spoil_chain(nitro_forge_t *forge, const nitro_class_t *class)
{
    const struct {
        const char *class;
        int place;
        int issuer;
        forge_spec_t spec;
    } rows[] = {
        {"leaf_expired",
         LEAF,
         INSTANCE,
         {.use = FORGE_SIGNER, .from_s = FORGE_NOW_S - 9000, .until_s = FORGE_NOW_S - 1}},
        {"leaf_to_come", LEAF, INSTANCE, {.use = FORGE_SIGNER, .from_s = FORGE_NOW_S + 60}},
        {"leaf_is_authority", LEAF, INSTANCE, {.use = FORGE_AUTHORITY}},
        {"leaf_without_use", LEAF, INSTANCE, {.use = FORGE_BARE}},
        {"leaf_of_another", LEAF, ZONE, {.use = FORGE_SIGNER}},
        {"instance_is_no_authority", INSTANCE, ZONE, {.use = FORGE_SIGNER}},
        {"path_too_long", ZONE, REGION, {.use = FORGE_AUTHORITY, .path_length = 0}},
        {"another_root", ROOT, ROOT, {.use = FORGE_AUTHORITY, .path_length = -1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (s_is(class, rows[i].class)) {
            s_new_certificate(forge, rows[i].place, rows[i].issuer, rows[i].spec);
        }
    }
    if (s_is(class, "leaf_of_another")) {
        /*  Named like its issuer's child, signed by another's key.  */
        X509_set_issuer_name(forge->certificates[LEAF],
                             X509_get_subject_name(forge->certificates[INSTANCE]));
    }
}

static void s_pcrs(writer_t *out, const nitro_class_t *class)
{
    uint8_t pcr[48] = {0};
    unsigned first = s_is(class, "no_pcr0") ? 1 : 0;
    unsigned count = 16 - first + (s_is(class, "duplicate_pcr") || s_is(class, "pcr_32"));
    s_text(out, "pcrs");
    s_head(out, MAP, count);
    for (unsigned i = first; i < 16; i++) {
        bool zero = s_is(class, "debug") && i == 0;
        memset(pcr, zero ? 0 : 0x10 + (int)i, sizeof pcr);
        s_head(out, 0, i);
        s_string(out, BYTES, tacit_span(pcr, s_is(class, "short_pcr") && i == 3 ? 47 : 48));
    }
    if (count > 16 - first) {
        s_head(out, 0, s_is(class, "pcr_32") ? 32 : 5);
        s_string(out, BYTES, tacit_span(pcr, sizeof pcr));
    }
}

static void s_bundle(nitro_forge_t *forge, writer_t *out, const nitro_class_t *class)
{
    forge_der_t der;
    int order[] = {ROOT, REGION, ZONE, INSTANCE};
    int count = 4;
    if (s_is(class, "bundle_reversed")) {
        memcpy(order, (int[]){INSTANCE, ZONE, REGION, ROOT}, sizeof order);
    } else if (s_is(class, "root_missing")) {
        memcpy(order, (int[]){REGION, ZONE, INSTANCE, ROOT}, sizeof order);
        count = 3;
    } else if (s_is(class, "zone_missing")) {
        memcpy(order, (int[]){ROOT, REGION, INSTANCE, ROOT}, sizeof order);
        count = 3;
    }
    s_text(out, "cabundle");
    if (s_is(class, "self_signed")) {
        s_byte(out, NULL_VALUE);
        return;
    }
    s_head(out, ARRAY, (uint64_t)count);
    for (int i = 0; i < count; i++) {
        forge_certificate_der(forge->certificates[order[i]], &der);
        s_string(out, BYTES, forge_span(&der));
    }
}

static void s_fields(writer_t *out, const nitro_class_t *class)
{
    static uint8_t bytes[1025];
    size_t nonce = s_is(class, "longest_nonce") ? 1024 : s_is(class, "nonce_too_long") ? 1025 : 32;
    memset(bytes, 7, sizeof bytes);
    s_text(out, "public_key");
    s_byte(out, NULL_VALUE);
    s_text(out, "user_data");
    s_string(out, BYTES, tacit_span(bytes, 64));
    s_text(out, "nonce");
    s_string(out, BYTES, tacit_span(bytes, nonce));
}

/*  A member too many, of some class's kind; whether it was written.  */
static bool s_extra_member(writer_t *out, const nitro_class_t *class)
{
    static const uint8_t deep[] = {0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00};
    if (s_is(class, "duplicate_key")) {
        s_text(out, "digest");
        s_text(out, "SHA384");
        return true;
    }
    if (s_is(class, "too_deep") || s_is(class, "unknown_member")) {
        bool nested = s_is(class, "too_deep");
        s_text(out, "extra");
        s_raw(out, nested ? deep : deep + 9, nested ? sizeof deep : 1);
        return true;
    }
    return false;
}

static void s_timestamp(writer_t *out, const nitro_class_t *class)
{
    uint64_t made_ms = FORGE_NOW_MS;
    made_ms += s_is(class, "from_the_future") ? 5 * 60 * 1000 + 1 : 0;
    made_ms -= s_is(class, "before_its_leaf") ? 61 * 1000 : 0;
    s_text(out, "timestamp");
    s_head(out, 0, made_ms);
}

static void s_payload(nitro_forge_t *forge, writer_t *out, const nitro_class_t *class)
{
    forge_der_t leaf;
    bool endless = s_is(class, "indefinite");
    bool extra =
        s_is(class, "duplicate_key") || s_is(class, "too_deep") || s_is(class, "unknown_member");
    bool fields = !s_is(class, "without_fields");
    endless ? s_byte(out, MAP | 31) : s_head(out, MAP, (fields ? 9U : 6U) + extra);
    s_text(out, "module_id");
    s_text(out, "i-0123456789abcdef0-enc0123456789abcdef");
    s_text(out, "digest");
    s_text(out, s_is(class, "other_digest") ? "SHA512" : "SHA384");
    s_timestamp(out, class);
    s_pcrs(out, class);
    s_text(out, "certificate");
    forge_certificate_der(forge->certificates[LEAF], &leaf);
    s_string(out, BYTES, forge_span(&leaf));
    s_bundle(forge, out, class);
    if (fields) {
        s_fields(out, class);
    }
    (void)s_extra_member(out, class);
    if (endless) {
        s_byte(out, BREAK);
    }
    if (s_is(class, "payload_trailing")) {
        s_byte(out, 0);
    }
}

static void s_sign(nitro_forge_t *forge, tacit_span_t header, tacit_span_t payload,
                   uint8_t ret_signature[96])
{
    static uint8_t buffer[NITRO_FORGE_MAX + 64];
    writer_t out = tacit_cbor_writer(buffer, sizeof buffer);
    s_head(&out, ARRAY, 4);
    s_text(&out, "Signature1");
    s_string(&out, BYTES, header);
    s_string(&out, BYTES, tacit_span(NULL, 0));
    s_string(&out, BYTES, payload);
    forge_sign384(forge->keys[LEAF], tacit_span(buffer, out.size), ret_signature);
}

/*  Bytes that change after the signature was made.  */
static void s_spoil_document(writer_t *out, const nitro_class_t *class)
{
    static const uint8_t pcr0[] = {0x10, 0x10, 0x10, 0x10};
    if (s_is(class, "signature_changed")) {
        out->data[out->size - 1] ^= 1;
    } else if (s_is(class, "pcr0_changed")) {
        uint8_t *found = memmem(out->data, out->size, pcr0, sizeof pcr0);
        forge_check(found != NULL, "another PCR");
        if (found) {
            *found ^= 1;
        }
    } else if (s_is(class, "trailing")) {
        s_byte(out, 0);
    }
}

static void s_write(nitro_forge_t *forge, writer_t *out, const nitro_class_t *class)
{
    static const uint8_t es384[] = {0xa1, 0x01, 0x38, 0x22};
    static const uint8_t es256[] = {0xa1, 0x01, 0x26};
    static uint8_t bytes[NITRO_FORGE_MAX];
    uint8_t signature[96];
    writer_t payload = tacit_cbor_writer(bytes, sizeof bytes);
    tacit_span_t header = s_is(class, "alg_es256") ? tacit_span(es256, sizeof es256)
                                                   : tacit_span(es384, sizeof es384);
    s_payload(forge, &payload, class);
    s_sign(forge, header, tacit_span(bytes, payload.size), signature);
    if (s_is(class, "tagged")) {
        s_byte(out, 0xd2);
    }
    s_head(out, ARRAY, 4);
    s_string(out, BYTES, header);
    s_head(out, MAP, 0);
    if (s_is(class, "not_minimal")) {
        s_byte(out, BYTES | 26); /* a length of four bytes where two would do */
        s_raw(out, (uint8_t[]){0, 0, (uint8_t)(payload.size >> 8), (uint8_t)payload.size}, 4);
        s_raw(out, bytes, payload.size);
    } else {
        s_string(out, BYTES, tacit_span(bytes, payload.size));
    }
    s_string(out, BYTES, tacit_span(signature, sizeof signature));
}

size_t nitro_forge_document(nitro_forge_t *forge, const nitro_class_t *class,
                            uint8_t ret_document[NITRO_FORGE_MAX])
{
    X509 *kept[NITRO_FORGE_CHAIN];
    writer_t out = tacit_cbor_writer(ret_document, NITRO_FORGE_MAX);
    memcpy(kept, forge->certificates, sizeof kept);
    for (int i = 0; i < NITRO_FORGE_CHAIN; i++) {
        X509_up_ref(kept[i]);
    }
    s_spoil_chain(forge, class);
    s_write(forge, &out, class);
    s_spoil_document(&out, class);
    for (int i = 0; i < NITRO_FORGE_CHAIN; i++) {
        X509_free(forge->certificates[i]);
    }
    memcpy(forge->certificates, kept, sizeof kept);
    return out.size;
}
