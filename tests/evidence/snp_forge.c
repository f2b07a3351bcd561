/*  snp_forge.c - a report, the key that signs it, and the chain that certifies the key.  */

#include "tests/evidence/snp_forge.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

const snp_class_t snp_classes[] = {
    {"vcek_milan", TACIT_OK},
    {"vlek_milan", TACIT_OK},
    {"vcek_genoa", TACIT_OK},
    {"vcek_siena", TACIT_OK},
    {"debug_allowed", TACIT_OK},
    {"svn_above_127", TACIT_OK},
    {"chip_id_in_octets", TACIT_OK},
    {"measurement_changed", TACIT_SIGNATURE_INVALID},
    {"signature_changed", TACIT_SIGNATURE_INVALID},
    {"signature_padded", TACIT_EVIDENCE_MALFORMED},
    {"version_1", TACIT_UNSUPPORTED},
    {"version_6", TACIT_UNSUPPORTED},
    {"other_algorithm", TACIT_UNSUPPORTED},
    {"other_signing_key", TACIT_UNSUPPORTED},
    {"other_chip", TACIT_PLATFORM_REFUSED},
    {"other_tcb", TACIT_TCB_UNSUPPORTED},
    {"other_processor", TACIT_PLATFORM_REFUSED},
    {"other_product", TACIT_UNSUPPORTED},
    {"product_of_another_line", TACIT_CERTIFICATE_INVALID},
    {"vlek_report_by_vcek", TACIT_CERTIFICATE_INVALID},
    {"vcek_report_by_vlek", TACIT_CERTIFICATE_INVALID},
    {"no_chip_id", TACIT_PLATFORM_REFUSED},
    {"no_svn", TACIT_EVIDENCE_MALFORMED},
    {"svn_twice", TACIT_EVIDENCE_MALFORMED},
    {"svn_too_large", TACIT_EVIDENCE_MALFORMED},
    {"vek_expired", TACIT_COLLATERAL_EXPIRED},
    {"vek_to_come", TACIT_COLLATERAL_EXPIRED},
    {"vek_by_another", TACIT_SIGNATURE_INVALID},
    {"vek_salt_32", TACIT_CERTIFICATE_INVALID},
    {"ask_is_no_authority", TACIT_CERTIFICATE_INVALID},
    {"another_root", TACIT_TRUST_ANCHOR_REFUSED},
    {"turin", TACIT_UNSUPPORTED},
    {"crl_empty", TACIT_OK},
    {"crl_of_another_key", TACIT_OK},
    {"crl_ask_revoked", TACIT_CERTIFICATE_REVOKED},
    {"crl_expired", TACIT_COLLATERAL_EXPIRED},
    {"crl_to_come", TACIT_COLLATERAL_EXPIRED},
    {"crl_by_another", TACIT_SIGNATURE_INVALID},
    {"crl_cut", TACIT_EVIDENCE_MALFORMED},
    {"crl_and_more", TACIT_EVIDENCE_MALFORMED},
};
const size_t snp_class_count = sizeof snp_classes / sizeof snp_classes[0];

#define VEK_OID "1.3.6.1.4.1.3704.1."

enum { EXTENSIONS_MAX = 12, CHIP_ID = 0x5c, SVN_HIGH = 0xd1, HALF = 48 };

static bool s_is(const snp_class_t *class, const char *name)
{
    return strcmp(class->name, name) == 0;
}

/*  Who signs, and of which product the certificate says it is.  */
typedef struct making {
    const snp_class_t *class;
    bool vlek;        /* the report says so */
    bool vlek_chain;  /* the chain is so */
    const char *line; /* product line of the chain */
    const char *product;
    uint8_t tcb[TACIT_SNP_TCB_SIZE];
} making_t;

static making_t s_making(const snp_class_t *class)
{
    making_t making = {.class = class, .line = "Milan", .product = "Milan-B0"};
    making.vlek = s_is(class, "vlek_milan") || s_is(class, "vlek_report_by_vcek");
    making.vlek_chain = s_is(class, "vlek_milan") || s_is(class, "vcek_report_by_vlek");
    if (s_is(class, "vcek_genoa") || s_is(class, "vcek_siena") || s_is(class, "other_processor")) {
        making.line = "Genoa";
        making.product = s_is(class, "vcek_siena") ? "Siena-A1" : "Genoa-B1";
    }
    making.product = making.vlek_chain ? "Milan" : making.product;
    making.product = s_is(class, "other_product") ? "Naples-A0" : making.product;
    making.product = s_is(class, "turin") ? "Turin-B0" : making.product;
    making.product = s_is(class, "product_of_another_line") ? "Genoa-B1" : making.product;
    memcpy(making.tcb, (uint8_t[]){3, 0, 0, 0, 0, 0, 8, 0x73}, sizeof making.tcb);
    making.tcb[7] = s_is(class, "svn_above_127") ? SVN_HIGH : making.tcb[7];
    return making;
}

static X509 *s_authority(const making_t *making, const char *start, EVP_PKEY *key, X509 *issuer,
                         EVP_PKEY *issuer_key)
{
    char name[64];
    bool bare = s_is(making->class, "ask_is_no_authority") && issuer;
    snprintf(name, sizeof name, "SIMULATED %s%s", start, making->line);
    return forge_certificate(&(forge_spec_t){.name = name,
                                             .key = key,
                                             .issuer = issuer,
                                             .issuer_key = issuer_key,
                                             .use = bare ? FORGE_SIGNER : FORGE_AUTHORITY,
                                             .path_length = issuer ? 0 : -1,
                                             .pss = true,
                                             .from_s = FORGE_NOW_S - FORGE_DAY_S,
                                             .until_s = FORGE_NOW_S + 900ULL * FORGE_DAY_S});
}

/*  The extensions of a VEK, written by hand: DER of small values.  */
typedef struct vek_extensions {
    forge_extension_t items[EXTENSIONS_MAX];
    uint8_t bytes[EXTENSIONS_MAX][80];
    char oids[EXTENSIONS_MAX][40];
    size_t count;
} vek_extensions_t;

static void s_extend(vek_extensions_t *all, const char *number, const void *der, size_t size)
{
    size_t i = all->count++;
    snprintf(all->oids[i], sizeof all->oids[i], VEK_OID "%s", number);
    memcpy(all->bytes[i], der, size);
    all->items[i] = (forge_extension_t){all->oids[i], tacit_span(all->bytes[i], size)};
}

static void s_extend_svn(vek_extensions_t *all, const char *number, uint8_t svn, bool too_large)
{
    uint8_t der[] = {2, 2, 0, svn};
    if (too_large) {
        der[2] = 1;
        s_extend(all, number, der, sizeof der);
    } else if (svn > 0x7f) {
        s_extend(all, number, der, sizeof der);
    } else {
        s_extend(all, number, (uint8_t[]){2, 1, svn}, 3);
    }
}

static void s_extend_vek(vek_extensions_t *all, const making_t *making)
{
    static const struct {
        const char *number;
        size_t place;
    } svns[] = {{"3.1", 0}, {"3.2", 1}, {"3.4", 2}, {"3.5", 3},
                {"3.6", 4}, {"3.7", 5}, {"3.3", 6}, {"3.8", 7}};
    uint8_t product[32] = {0x16, (uint8_t)strlen(making->product)};
    uint8_t chip[2 + TACIT_SNP_CHIP_ID_SIZE] = {4, TACIT_SNP_CHIP_ID_SIZE};
    bool octets = s_is(making->class, "chip_id_in_octets");
    memcpy(product + 2, making->product, strlen(making->product));
    s_extend(all, "2", product, 2 + strlen(making->product));
    for (size_t i = 0; i < sizeof svns / sizeof svns[0]; i++) {
        bool microcode = svns[i].place == 7;
        if (!(microcode && s_is(making->class, "no_svn"))) {
            s_extend_svn(all, svns[i].number, making->tcb[svns[i].place],
                         microcode && s_is(making->class, "svn_too_large"));
        }
    }
    if (s_is(making->class, "svn_twice")) {
        s_extend_svn(all, "3.8", making->tcb[7], false);
    }
    memset(chip + 2, CHIP_ID, TACIT_SNP_CHIP_ID_SIZE);
    if (!making->vlek_chain && !s_is(making->class, "no_chip_id")) {
        s_extend(all, "4", octets ? chip : chip + 2, sizeof chip - (octets ? 0 : 2));
    }
}

static X509 *s_vek(const snp_forge_t *forge, const making_t *making, X509 *ask)
{
    vek_extensions_t extensions = {0};
    bool expired = s_is(making->class, "vek_expired");
    bool to_come = s_is(making->class, "vek_to_come");
    s_extend_vek(&extensions, making);
    return forge_certificate(&(forge_spec_t){
        .name = making->vlek_chain ? "SIMULATED SEV-VLEK" : "SIMULATED SEV-VCEK",
        .key = forge->vek_key,
        .issuer = ask,
        .issuer_key = s_is(making->class, "vek_by_another") ? forge->ark_key : forge->ask_key,
        .use = FORGE_BARE,
        .pss = true,
        .salt = s_is(making->class, "vek_salt_32") ? 32 : 0,
        .from_s = to_come ? FORGE_NOW_S + 60 : FORGE_NOW_S - FORGE_DAY_S,
        .until_s = expired ? FORGE_NOW_S - 1 : FORGE_NOW_S + 300ULL * FORGE_DAY_S,
        .extensions = extensions.items,
        .extension_count = extensions.count});
}

static void s_date(X509_CRL *crl, uint64_t from_s, uint64_t until_s)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)from_s);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)until_s);
    forge_check(X509_CRL_set1_lastUpdate(crl, from) == 1 &&
                    X509_CRL_set1_nextUpdate(crl, until) == 1,
                "dates of a CRL");
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
}

/*  The list revokes that certificate (NULL: none).  */
static X509_CRL *s_list(const making_t *making, X509 *ark, X509 *revoked, EVP_PKEY *key)
{
    X509_CRL *crl = X509_CRL_new();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    bool expired = s_is(making->class, "crl_expired");
    bool to_come = s_is(making->class, "crl_to_come");
    forge_check(crl && context && X509_CRL_set_version(crl, 1) == 1 &&
                    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ark)) == 1,
                "a CRL");
    s_date(crl, to_come ? FORGE_NOW_S + 60 : FORGE_NOW_S - FORGE_DAY_S,
           expired ? FORGE_NOW_S - 1 : FORGE_NOW_S + FORGE_DAY_S);
    if (revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_TIME *since = ASN1_TIME_set(NULL, (time_t)(FORGE_NOW_S - 60));
        forge_check(entry &&
                        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)) == 1 &&
                        X509_REVOKED_set_revocationDate(entry, since) == 1 &&
                        X509_CRL_add0_revoked(crl, entry) == 1,
                    "an entry of a CRL");
        ASN1_TIME_free(since);
    }
    forge_check(EVP_DigestSignInit(context, &options, EVP_sha384(), NULL, key) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, HALF) == 1 &&
                    X509_CRL_sign_ctx(crl, context) > 0,
                "a signed CRL");
    EVP_MD_CTX_free(context);
    return crl;
}

static void s_add_crl(const snp_forge_t *forge, const making_t *making, X509 *ark, X509 *ask,
                      X509 *vek, forge_der_t *ret_der)
{
    const char *name = making->class->name;
    if (strncmp(name, "crl_", 4) != 0) {
        return;
    }
    X509 *revoked = s_is(making->class, "crl_ask_revoked")      ? ask
                    : s_is(making->class, "crl_of_another_key") ? vek
                                                                : NULL;
    bool foreign = s_is(making->class, "crl_by_another");
    X509_CRL *crl = s_list(making, ark, revoked, foreign ? forge->ask_key : forge->ark_key);
    uint8_t *end = ret_der->bytes;
    int size = i2d_X509_CRL(crl, NULL);
    forge_check(size > 0 && (size_t)size < sizeof ret_der->bytes, "room for a CRL");
    ret_der->size = (size_t)i2d_X509_CRL(crl, &end);
    ret_der->size -= s_is(making->class, "crl_cut");
    ret_der->size += s_is(making->class, "crl_and_more");
    X509_CRL_free(crl);
}

static void s_put(uint8_t *report, size_t offset, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        report[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

/*  Numbers by class, where they are not the usual ones.  */
static const struct {
    const char *class;
    size_t offset;
    uint64_t value;
} s_numbers[] = {
    {"version_1", TACIT_SNP_VERSION, 1},
    {"version_6", TACIT_SNP_VERSION, 6},
    {"vcek_genoa", TACIT_SNP_VERSION, 3},
    {"vcek_siena", TACIT_SNP_VERSION, 5},
    {"other_processor", TACIT_SNP_VERSION, 5},
    {"other_algorithm", TACIT_SNP_ALGORITHM, 2},
    {"other_signing_key", TACIT_SNP_FLAGS, 7 << TACIT_SNP_FLAGS_KEY_SHIFT},
    {"vcek_genoa", TACIT_SNP_CPUID, 0x001119},
    {"vcek_siena", TACIT_SNP_CPUID, 0x02a019},
    {"other_processor", TACIT_SNP_CPUID, 0x000119},
    {"debug_allowed", TACIT_SNP_POLICY, 0xb0000},
};

static void s_fill(const making_t *making, uint8_t *report)
{
    s_put(report, TACIT_SNP_VERSION, 2, 4);
    s_put(report, TACIT_SNP_POLICY, 0x30000, 4);
    s_put(report, TACIT_SNP_ALGORITHM, TACIT_SNP_ECDSA_P384, 4);
    s_put(report, TACIT_SNP_FLAGS, (uint64_t)making->vlek << TACIT_SNP_FLAGS_KEY_SHIFT, 4);
    for (size_t i = 0; i < sizeof s_numbers / sizeof s_numbers[0]; i++) {
        if (s_is(making->class, s_numbers[i].class)) {
            s_put(report, s_numbers[i].offset, s_numbers[i].value, 4);
        }
    }
    memset(report + TACIT_SNP_MEASUREMENT, 0x4d, TACIT_SNP_MEASUREMENT_SIZE);
    memset(report + TACIT_SNP_REPORT_DATA, 0x44, 64);
    memcpy(report + TACIT_SNP_REPORTED_TCB, making->tcb, sizeof making->tcb);
    report[TACIT_SNP_REPORTED_TCB + 6] += s_is(making->class, "other_tcb");
    memset(report + TACIT_SNP_CHIP_ID, making->vlek ? 0 : CHIP_ID, TACIT_SNP_CHIP_ID_SIZE);
    report[TACIT_SNP_CHIP_ID] ^= s_is(making->class, "other_chip");
}

static void s_sign(const snp_forge_t *forge, const making_t *making, uint8_t *report)
{
    uint8_t signature[2 * HALF];
    forge_sign384(forge->vek_key, tacit_span(report, TACIT_SNP_SIGNED_SIZE), signature);
    for (size_t i = 0; i < HALF; i++) {
        report[TACIT_SNP_SIGNATURE_R + i] = signature[HALF - 1 - i];
        report[TACIT_SNP_SIGNATURE_S + i] = signature[2 * HALF - 1 - i];
    }
    report[TACIT_SNP_MEASUREMENT] ^= s_is(making->class, "measurement_changed");
    report[TACIT_SNP_SIGNATURE_R] ^= s_is(making->class, "signature_changed");
    report[TACIT_SNP_REPORT_SIZE - 1] ^= s_is(making->class, "signature_padded");
}

void snp_forge_open(snp_forge_t *forge)
{
    forge->ark_key = forge_rsa4096();
    forge->ask_key = forge_rsa4096();
    forge->vek_key = forge_p384();
}

void snp_forge_close(snp_forge_t *forge)
{
    EVP_PKEY_free(forge->ark_key);
    EVP_PKEY_free(forge->ask_key);
    EVP_PKEY_free(forge->vek_key);
}

void snp_forge_sample(const snp_forge_t *forge, const snp_class_t *class, snp_sample_t *ret_sample)
{
    making_t making = s_making(class);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509 *ark = s_authority(&making, "ARK-", forge->ark_key, NULL, forge->ark_key);
    X509 *ask = s_authority(&making, making.vlek_chain ? "SEV-VLEK-" : "SEV-", forge->ask_key, ark,
                            forge->ark_key);
    X509 *vek = s_vek(forge, &making, ask);
    memset(ret_sample, 0, sizeof *ret_sample);
    forge_certificate_der(vek, &ret_sample->vek);
    forge_certificate_der(ask, &ret_sample->ask);
    forge_certificate_der(ark, &ret_sample->ark);
    s_add_crl(forge, &making, ark, ask, vek, &ret_sample->crl);
    forge_check(X509_digest(ark, EVP_sha256(), digest, &size) == 1, "a hash");
    memcpy(ret_sample->root_sha256, digest, sizeof ret_sample->root_sha256);
    ret_sample->root_sha256[0] ^= s_is(class, "another_root");
    s_fill(&making, ret_sample->report);
    s_sign(forge, &making, ret_sample->report);
    X509_free(vek);
    X509_free(ask);
    X509_free(ark);
}
