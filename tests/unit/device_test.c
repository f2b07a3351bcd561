/*  device_test.c - quotes through the files and requests of real platforms, against stand-ins that
    behave as the kernel, Gramine and the Nitro security module do.

    What is faked: the files are this test's, behind the table that the devices are given (once, for
    Gramine, they are files and a pipe on disk); the module is a function; the quotes come from the
    simulated vendors. What is as in the originals: when a value is taken (at once, or at close),
   when a quote is made (at open, or at the first read), what counts the generation, and the errors.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/cbor_writer.h"
#include "enclave/clock.h"
#include "enclave/launch.h"
#include "enclave/quote_device.h"
#include "enclave/role.h"
#include "services/platform/nitro_vendor.h"
#include "services/platform/quoting.h"

enum { MORE_THAN_OUTBLOB = 32 * 1024 + 1, FILES = 8 };

static const tacit_self_t s_program = {
    .mrenclave = {1}, .mrsigner = {2}, .product_id = TACIT_ROLE_WORKER, .svn = 7};
static const uint8_t s_commitment[64] = {3};

/*  --- vendors --------------------------------------------------------------------------------- */

static tacit_pki_t *s_pki[2]; /* SGX, TDX */
static tacit_quoting_t *s_quoting[2];
static tacit_nitro_vendor_t *s_nitro;

static int s_set_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const tacit_pki_options_t options = {.tee = (tacit_tee_t)i};
        assert_int_equal(tacit_pki_new(&options, &s_pki[i]), TACIT_OK);
        assert_int_equal(tacit_quoting_new(s_pki[i], &s_quoting[i]), TACIT_OK);
    }
    return tacit_nitro_vendor_new(&s_nitro) == TACIT_OK ? 0 : -1;
}

static int s_tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        tacit_quoting_destroy(&s_quoting[i]);
        tacit_pki_destroy(&s_pki[i]);
    }
    tacit_nitro_vendor_destroy(&s_nitro);
    return 0;
}

static size_t s_make_quote(tacit_tee_t tee, const uint8_t report_data[64], uint8_t *ret_quote)
{
    size_t size = 0;
    assert_int_equal(tacit_quoting_quote(s_quoting[tee], &s_program, report_data, ret_quote, &size),
                     TACIT_OK);
    return size;
}

/*  The quote that a platform over the device gives verifies in full, over the commitment.  */
static void s_expect_evidence(tacit_platform_t *platform, tacit_tee_t tee)
{
    uint8_t quote[TACIT_QUOTE_MAX];
    uint8_t root[32];
    uint8_t expected[64];
    size_t size = 0;
    tacit_claims_t claims;
    tacit_error_t error = {0};
    const tacit_self_t identity = tacit_launch_identity(tee, &s_program);
    static const tacit_collateral_t none;
    tacit_span_t der = tee == TACIT_TEE_NITRO ? tacit_nitro_vendor_root_der(s_nitro)
                                              : tacit_pki_root_der(s_pki[tee]);
    crypto_hash_sha256(root, der.data, der.size);
    assert_int_equal(
        tacit_platform_quote(platform, TACIT_QUOTE_BINDING, s_commitment, quote, &size, &error),
        TACIT_OK);
    assert_int_equal(
        tacit_evidence_verify(tacit_span(quote, size),
                              tee == TACIT_TEE_NITRO ? &none : tacit_pki_collateral(s_pki[tee]),
                              root, tacit_now_ms(), &claims, &error),
        TACIT_OK);
    tacit_report_data(TACIT_QUOTE_BINDING, s_commitment, expected);
    assert_memory_equal(claims.report_data, expected, sizeof expected);
    assert_memory_equal(claims.mrenclave, identity.mrenclave, 32);
    assert_memory_equal(tacit_platform_self(platform)->mrenclave, identity.mrenclave, 32);
    assert_int_equal(tacit_platform_self(platform)->tee, tee);
    assert_int_equal(tacit_platform_self(platform)->svn, s_program.svn);
}

static void s_expect_nothing_else(tacit_platform_t *platform)
{
    static const uint8_t name[32];
    tacit_collateral_t collateral;
    tacit_secret_t *key = NULL;
    void *storage = NULL;
    uint64_t value = 0;
    assert_int_equal(tacit_platform_collateral(platform, &collateral, &storage, NULL),
                     TACIT_UNSUPPORTED);
    assert_int_equal(tacit_platform_sealing_key(platform, TACIT_SEAL_MRSIGNER, 0, name, &key, NULL),
                     TACIT_UNSUPPORTED);
    assert_int_equal(tacit_platform_counter_read(platform, name, &value, NULL), TACIT_UNSUPPORTED);
    assert_int_equal(tacit_platform_counter_advance(platform, name, 1, NULL), TACIT_UNSUPPORTED);
}

/*  --- stand-in for the kernel's and Gramine's files ------------------------------------------- */

/*  What goes wrong, counted down where it is a number.  */
typedef struct fake {
    tacit_tee_t tee;
    const char *provider; /* NULL: none is loaded */
    const char *type;     /* Gramine's attestation_type */
    const char *generation_text;
    int busy;      /* quotes that somebody else has in flight */
    int intruders; /* writes by others after ours */
    int lost;      /* writes whose failure at close is not told */
    int left_over; /* folders that are there already */
    bool replaced; /* others' value takes the place of ours unseen */
    bool dice;     /* outblob is a token */
    bool endless;  /* outblob is beyond every limit */
    bool partial;  /* write takes a part only */
    int folders;   /* made and not removed */
    uint64_t write_generation;
    uint64_t read_generation;
    uint8_t value[64]; /* inblob or user_report_data */
    size_t value_size;
    struct {
        bool used;
        char name[32];
        uint8_t *bytes; /* to be read, or written and not yet taken */
        size_t size;
        size_t at;
        bool writing;
        bool made;
    } files[FILES];
} fake_t;

static int s_fail(int number)
{
    errno = number;
    return -1;
}

static int s_fake_make(void *argument, const char *path)
{
    fake_t *fake = argument;
    (void)path;
    if (!fake->provider) {
        return s_fail(ENXIO);
    }
    if (fake->left_over > 0) {
        fake->left_over--;
        return s_fail(EEXIST);
    }
    fake->folders++;
    fake->value_size = 0;
    fake->write_generation = fake->read_generation = 0;
    return 0;
}

static int s_fake_remove(void *argument, const char *path)
{
    (void)path;
    ((fake_t *)argument)->folders--;
    return 0;
}

static bool s_knows(const fake_t *fake, const char *name)
{
    static const char *const tsm[] = {"provider", "generation", "inblob", "outblob"};
    static const char *const gramine[] = {"attestation_type", "user_report_data", "quote"};
    for (size_t i = 0; i < 4; i++) {
        if (fake->tee == TACIT_TEE_TDX && fake->folders > 0 && strcmp(name, tsm[i]) == 0) {
            return true;
        }
        if (fake->tee == TACIT_TEE_SGX && i < 3 && strcmp(name, gramine[i]) == 0) {
            return fake->type != NULL;
        }
    }
    return false;
}

/*  A quote over the value that is there now.  */
static void s_make(fake_t *fake, int fd)
{
    fake->files[fd].bytes = calloc(1, MORE_THAN_OUTBLOB);
    assert_non_null(fake->files[fd].bytes);
    if (fake->replaced) {
        fake->value[0] ^= 1;
    }
    fake->files[fd].size = s_make_quote(fake->tee, fake->value, fake->files[fd].bytes);
    if (fake->dice) {
        memset(fake->files[fd].bytes, 0xd2, 9000);
        fake->files[fd].size = 9000;
    }
    fake->files[fd].size = fake->endless ? MORE_THAN_OUTBLOB : fake->files[fd].size;
    fake->files[fd].made = true;
}

static void s_say(fake_t *fake, int fd, const char *text)
{
    fake->files[fd].bytes = (uint8_t *)strdup(text);
    assert_non_null(fake->files[fd].bytes);
    fake->files[fd].size = strlen(text);
    fake->files[fd].made = true;
}

static int s_fake_open(void *argument, const char *path, int flags)
{
    fake_t *fake = argument;
    const char *name = strrchr(path, '/') + 1;
    int fd = 0;
    if (!s_knows(fake, name)) {
        return s_fail(ENOENT);
    }
    while (fake->files[fd].used) {
        fd++;
    }
    memset(&fake->files[fd], 0, sizeof fake->files[fd]);
    fake->files[fd].used = true;
    fake->files[fd].writing = (flags & O_ACCMODE) == O_WRONLY;
    snprintf(fake->files[fd].name, sizeof fake->files[fd].name, "%s", name);
    char text[32];
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)fake->write_generation);
    if (strcmp(name, "quote") == 0) { /* Gramine makes it here */
        s_make(fake, fd);
    } else if (strcmp(name, "attestation_type") == 0) {
        s_say(fake, fd, fake->type);
    } else if (strcmp(name, "provider") == 0) {
        s_say(fake, fd, fake->provider);
    } else if (strcmp(name, "generation") == 0) {
        s_say(fake, fd, fake->generation_text ? fake->generation_text : text);
    }
    return fd;
}

/*  outblob is made at the first read, and kept until the next write.  */
static int s_make_outblob(fake_t *fake, int fd)
{
    if (fake->value_size == 0) {
        return s_fail(EINVAL);
    }
    if (fake->busy > 0) {
        fake->busy--;
        return s_fail(EBUSY);
    }
    s_make(fake, fd);
    fake->read_generation = fake->write_generation;
    return 0;
}

static ssize_t s_fake_read(void *argument, int fd, void *bytes, size_t size)
{
    fake_t *fake = argument;
    if (!fake->files[fd].made && s_make_outblob(fake, fd) != 0) {
        return -1;
    }
    size_t rest = fake->files[fd].size - fake->files[fd].at;
    size_t part = rest < size ? rest : size;
    part = part > 1000 ? 1000 : part; /* never all at once */
    memcpy(bytes, fake->files[fd].bytes + fake->files[fd].at, part);
    fake->files[fd].at += part;
    return (ssize_t)part;
}

static ssize_t s_fake_write(void *argument, int fd, const void *bytes, size_t size)
{
    fake_t *fake = argument;
    assert_true(fake->files[fd].writing);
    if (size > sizeof fake->value) {
        return s_fail(EFBIG);
    }
    if (fake->partial) {
        return (ssize_t)size / 2;
    }
    fake->files[fd].bytes = calloc(1, sizeof fake->value); /* Gramine pads with zeroes */
    assert_non_null(fake->files[fd].bytes);
    memcpy(fake->files[fd].bytes, bytes, size);
    fake->files[fd].size = size;
    if (fake->tee == TACIT_TEE_SGX) { /* which takes each write at once */
        memcpy(fake->value, fake->files[fd].bytes, sizeof fake->value);
    }
    return (ssize_t)size;
}

/*  configfs takes what was written when the file is closed, and tells nobody of a failure.  */
static void s_take(fake_t *fake, int fd)
{
    if (fake->lost > 0) {
        fake->lost--;
        return;
    }
    memcpy(fake->value, fake->files[fd].bytes, sizeof fake->value);
    fake->value_size = fake->files[fd].size;
    fake->write_generation++;
    if (fake->intruders > 0) {
        fake->intruders--;
        fake->value[0] ^= 1;
        fake->write_generation++;
    }
}

static int s_fake_close(void *argument, int fd)
{
    fake_t *fake = argument;
    if (fake->files[fd].writing && fake->files[fd].bytes && fake->tee == TACIT_TEE_TDX) {
        s_take(fake, fd);
    }
    free(fake->files[fd].bytes);
    fake->files[fd].used = false;
    return 0;
}

static tacit_device_files_t s_files(fake_t *fake)
{
    return (tacit_device_files_t){.self = fake,
                                  .make_folder = s_fake_make,
                                  .remove_folder = s_fake_remove,
                                  .open = s_fake_open,
                                  .read = s_fake_read,
                                  .write = s_fake_write,
                                  .close = s_fake_close};
}

static void s_expect_clean(const fake_t *fake)
{
    assert_int_equal(fake->folders, 0);
    for (size_t i = 0; i < FILES; i++) {
        assert_false(fake->files[i].used);
    }
}

/*  A device on that stand-in, and one quote from it.  */
static tacit_status_t s_try(fake_t *fake, tacit_error_t *error)
{
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t size = 0;
    const tacit_device_files_t files = s_files(fake);
    tacit_quote_device_t *device = NULL;
    tacit_status_t status = fake->tee == TACIT_TEE_SGX
                                ? tacit_gramine_device_new("/g", &files, &device, error)
                                : tacit_tsm_device_new("/t", &files, &device, error);
    if (!status) {
        status = tacit_quote_device_quote(device, TACIT_QUOTE_BINDING, s_commitment, quote, &size,
                                          error);
    }
    tacit_quote_device_destroy(&device);
    s_expect_clean(fake);
    return status;
}

/*  --- Gramine --------------------------------------------------------------------------------- */

static void gramine_quotes_what_was_written(void **state)
{
    (void)state;
    fake_t fake = {.tee = TACIT_TEE_SGX, .type = "dcap"};
    const tacit_device_files_t files = s_files(&fake);
    tacit_quote_device_t *device = NULL;
    tacit_platform_t *platform = NULL;
    tacit_error_t error;
    assert_int_equal(tacit_gramine_device_new("/g", &files, &device, &error), TACIT_OK);
    assert_int_equal(tacit_platform_over(device, &platform, &error), TACIT_OK);
    s_expect_evidence(platform, TACIT_TEE_SGX);
    s_expect_nothing_else(platform);
    tacit_platform_destroy(&platform);
    s_expect_clean(&fake);
}

static void gramine_refuses_what_is_not_its_quote(void **state)
{
    (void)state;
    fake_t none = {.tee = TACIT_TEE_SGX, .type = "none"};
    fake_t absent = {.tee = TACIT_TEE_SGX};
    fake_t other = {.tee = TACIT_TEE_SGX, .type = "dcap", .replaced = true};
    fake_t part = {.tee = TACIT_TEE_SGX, .type = "dcap", .partial = true};
    fake_t endless = {.tee = TACIT_TEE_SGX, .type = "dcap", .endless = true};
    assert_int_equal(s_try(&none, NULL), TACIT_UNSUPPORTED);
    assert_int_equal(s_try(&absent, NULL), TACIT_NOT_FOUND);
    assert_int_equal(s_try(&other, NULL), TACIT_REPORT_DATA_MISMATCH);
    assert_int_equal(s_try(&part, NULL), TACIT_STORAGE_FAILED);
    assert_int_equal(s_try(&endless, NULL), TACIT_TOO_LARGE);
}

/*  On disk: the quote is a pipe, whose other end makes it when it is opened.  */
typedef struct pipe_end {
    char value[128];
    char quote[128];
} pipe_end_t;

/*  Waits for a value that is not the last one: then the reader of the last quote is through.  */
static void s_await_value(const pipe_end_t *end, uint8_t value[64])
{
    uint8_t now[64];
    for (int i = 0; i < 20000; i++) {
        int from = open(end->value, O_RDONLY | O_CLOEXEC);
        bool whole = read(from, now, sizeof now) == (ssize_t)sizeof now;
        close(from);
        if (whole && memcmp(now, value, sizeof now) != 0) {
            memcpy(value, now, sizeof now);
            return;
        }
        usleep(500);
    }
}

static void *s_serve_quotes(void *argument)
{
    const pipe_end_t *end = argument;
    uint8_t value[64] = {0};
    uint8_t quote[TACIT_QUOTE_MAX];
    for (int i = 0; i < 2; i++) { /* who this is, then what is asked for */
        s_await_value(end, value);
        int to = open(end->quote, O_WRONLY | O_CLOEXEC);
        size_t size = s_make_quote(TACIT_TEE_SGX, value, quote);
        (void)!write(to, quote, size);
        close(to);
    }
    return NULL;
}

static void s_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void gramine_files_may_be_on_disk(void **state)
{
    (void)state;
    char folder[] = "/tmp/tacit-gramine.XXXXXX";
    char type[128];
    pipe_end_t end;
    pthread_t thread;
    tacit_quote_device_t *device = NULL;
    tacit_platform_t *platform = NULL;
    tacit_error_t error = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(type, sizeof type, "%s/attestation_type", folder);
    snprintf(end.value, sizeof end.value, "%s/user_report_data", folder);
    snprintf(end.quote, sizeof end.quote, "%s/quote", folder);
    s_write_file(type, "dcap");
    s_write_file(end.value, "");
    assert_int_equal(mkfifo(end.quote, 0600), 0);
    assert_int_equal(tacit_gramine_device_new(folder, &tacit_device_files_system, &device, &error),
                     TACIT_OK);
    assert_int_equal(pthread_create(&thread, NULL, s_serve_quotes, &end), 0);
    assert_int_equal(tacit_platform_over(device, &platform, &error), TACIT_OK);
    s_expect_evidence(platform, TACIT_TEE_SGX);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tacit_platform_destroy(&platform);
    assert_int_equal(unlink(type) | unlink(end.value) | unlink(end.quote) | rmdir(folder), 0);
}

/*  --- configfs-tsm ---------------------------------------------------------------------------- */

static void tsm_quotes_what_was_written(void **state)
{
    (void)state;
    fake_t fake = {.tee = TACIT_TEE_TDX, .provider = "tdx_guest\n"};
    const tacit_device_files_t files = s_files(&fake);
    tacit_quote_device_t *device = NULL;
    tacit_platform_t *platform = NULL;
    tacit_error_t error;
    assert_int_equal(tacit_tsm_device_new("/t", &files, &device, &error), TACIT_OK);
    assert_int_equal(tacit_platform_over(device, &platform, &error), TACIT_OK);
    s_expect_evidence(platform, TACIT_TEE_TDX);
    s_expect_evidence(platform, TACIT_TEE_TDX);
    s_expect_nothing_else(platform);
    tacit_platform_destroy(&platform);
    s_expect_clean(&fake);
}

static void tsm_tries_again_while_others_are_in_the_way(void **state)
{
    (void)state;
    for (int count = 0; count <= 6; count++) {
        tacit_status_t expected = count < 5 ? TACIT_OK : TACIT_BUSY;
        fake_t busy = {.tee = TACIT_TEE_TDX, .provider = "tdx_guest", .busy = count};
        fake_t intruded = {.tee = TACIT_TEE_TDX, .provider = "tdx_guest", .intruders = count};
        assert_int_equal(s_try(&busy, NULL), expected);
        assert_int_equal(s_try(&intruded, NULL), expected);
    }
    fake_t left_over = {.tee = TACIT_TEE_TDX, .provider = "tdx_guest", .left_over = 4};
    assert_int_equal(s_try(&left_over, NULL), TACIT_OK);
}

static void tsm_refuses_what_is_not_its_quote(void **state)
{
    (void)state;
    static const struct {
        fake_t fake;
        tacit_status_t expected;
    } rows[] = {
        {{.provider = NULL}, TACIT_UNSUPPORTED},
        {{.provider = "sev_guest\n"}, TACIT_UNSUPPORTED},
        {{.provider = "tdx_guest and more than a line of it"}, TACIT_TOO_LARGE},
        {{.provider = "tdx_guest\n", .dice = true}, TACIT_UNSUPPORTED},
        {{.provider = "tdx_guest\n", .endless = true}, TACIT_TOO_LARGE},
        {{.provider = "tdx_guest\n", .replaced = true}, TACIT_REPORT_DATA_MISMATCH},
        {{.provider = "tdx_guest\n", .lost = 1}, TACIT_BAD_INPUT},
        {{.provider = "tdx_guest\n", .partial = true}, TACIT_STORAGE_FAILED},
        {{.provider = "tdx_guest\n", .generation_text = "many\n"}, TACIT_MALFORMED},
        {{.provider = "tdx_guest\n", .generation_text = "-1\n"}, TACIT_MALFORMED},
        {{.provider = "tdx_guest\n", .generation_text = "\n"}, TACIT_MALFORMED},
        {{.provider = "tdx_guest\n", .generation_text = "7\n"}, TACIT_BUSY},
        {{.provider = "tdx_guest\n", .left_over = 5}, TACIT_STORAGE_FAILED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake_t fake = rows[i].fake;
        tacit_error_t error = {0};
        fake.tee = TACIT_TEE_TDX;
        tacit_status_t status = s_try(&fake, &error);
        if (status != rows[i].expected) {
            fail_msg("row %zu: %s: %s", i, tacit_status_name(status), error.message);
        }
        assert_true(error.message[0]);
    }
}

/*  --- the Nitro security module --------------------------------------------------------------- */

typedef struct module {
    uint8_t pcr[TACIT_REGISTER_SIZE];
    bool locked;
    bool replaced;         /* documents speak of other data */
    const char *error;     /* the answer to everything */
    tacit_span_t response; /* the same, as bytes */
    size_t cut;            /* bytes that are left of a document's response; 0: all */
    int requests;
    bool closed;
} module_t;

static bool s_has(const tacit_cbor_t *item, const char *text)
{
    return item->type == TACIT_CBOR_TEXT &&
           tacit_span_equal(item->content, tacit_span_string(text));
}

static tacit_cbor_t s_member(const tacit_cbor_t *map, const char *name)
{
    tacit_cbor_t key;
    tacit_cbor_t value;
    tacit_span_t rest = map->content;
    while (tacit_cbor_next(&rest, &key) && tacit_cbor_next(&rest, &value)) {
        if (s_has(&key, name)) {
            return value;
        }
    }
    fail_msg("the request has no %s", name);
    return (tacit_cbor_t){0};
}

static void s_answer(tacit_cbor_writer_t *out, const char *name, unsigned members)
{
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, 1);
    tacit_cbor_write_text(out, name);
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, members);
}

static void s_answer_pcr(const module_t *module, tacit_cbor_writer_t *out, const char *name)
{
    bool describe = strcmp(name, "DescribePCR") == 0;
    s_answer(out, name, describe ? 2 : 1);
    if (describe) {
        tacit_cbor_write_text(out, "lock");
        tacit_cbor_write_head(out, TACIT_CBOR_SIMPLE, module->locked ? 21 : 20);
    }
    tacit_cbor_write_text(out, "data");
    tacit_cbor_write_bytes(out, tacit_span(module->pcr, sizeof module->pcr));
}

static void s_answer_error(tacit_cbor_writer_t *out, const char *code)
{
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, 1);
    tacit_cbor_write_text(out, "Error");
    tacit_cbor_write_text(out, code);
}

static void s_answer_extend(module_t *module, const tacit_cbor_t *arguments,
                            tacit_cbor_writer_t *out)
{
    uint8_t both[2 * TACIT_REGISTER_SIZE];
    tacit_cbor_t data = s_member(arguments, "data");
    if (module->locked) {
        s_answer_error(out, "ReadOnlyIndex");
        return;
    }
    assert_int_equal(data.content.size, TACIT_REGISTER_SIZE);
    memcpy(both, module->pcr, sizeof module->pcr);
    memcpy(both + sizeof module->pcr, data.content.data, data.content.size);
    assert_int_equal(EVP_Digest(both, sizeof both, module->pcr, NULL, EVP_sha384(), NULL), 1);
    s_answer_pcr(module, out, "ExtendPCR");
}

static void s_answer_attestation(module_t *module, const tacit_cbor_t *arguments,
                                 tacit_cbor_writer_t *out)
{
    uint8_t document[TACIT_QUOTE_MAX];
    uint8_t report_data[64];
    size_t size = 0;
    tacit_cbor_t user_data = s_member(arguments, "user_data");
    assert_int_equal(s_member(arguments, "nonce").number, TACIT_CBOR_NULL);
    assert_int_equal(s_member(arguments, "public_key").number, TACIT_CBOR_NULL);
    assert_int_equal(user_data.content.size, TACIT_LAUNCH_USER_DATA_SIZE);
    if (!user_data.content.data) {
        fail_msg("no user_data");
        return;
    }
    memcpy(report_data, user_data.content.data, sizeof report_data);
    report_data[0] ^= module->replaced;
    assert_int_equal(tacit_nitro_vendor_document(s_nitro, &s_program, report_data, document, &size),
                     TACIT_OK);
    s_answer(out, "Attestation", 1);
    tacit_cbor_write_text(out, "document");
    tacit_cbor_write_bytes(out, tacit_span(document, size));
    out->size = module->cut ? module->cut : out->size;
}

static tacit_status_t s_module(void *argument, tacit_span_t request, uint8_t *ret_response,
                               size_t max, size_t *ret_size, tacit_error_t *ret_error)
{
    module_t *module = argument;
    tacit_cbor_t whole;
    tacit_cbor_t name;
    tacit_cbor_t arguments;
    (void)ret_error;
    module->requests++;
    assert_true(request.size <= 0x1000 && max == 0x3000);
    assert_true(tacit_cbor_read(request, &whole) && whole.type == TACIT_CBOR_MAP);
    tacit_span_t rest = whole.content;
    assert_true(tacit_cbor_next(&rest, &name) && tacit_cbor_next(&rest, &arguments));
    tacit_cbor_writer_t out = tacit_cbor_writer(ret_response, max);
    if (module->error) {
        s_answer_error(&out, module->error);
    } else if (module->response.data) {
        tacit_cbor_write_raw(&out, module->response.data, module->response.size);
    } else if (s_has(&name, "DescribePCR")) {
        assert_int_equal(s_member(&arguments, "index").number, 16);
        s_answer_pcr(module, &out, "DescribePCR");
    } else if (s_has(&name, "ExtendPCR")) {
        s_answer_extend(module, &arguments, &out);
    } else if (s_has(&name, "LockPCR")) {
        module->locked = true;
        tacit_cbor_write_text(&out, "LockPCR");
    } else {
        s_answer_attestation(module, &arguments, &out);
    }
    *ret_size = out.size;
    return TACIT_OK;
}

static void s_module_close(void *argument)
{
    ((module_t *)argument)->closed = true;
}

static tacit_status_t s_open_module(module_t *module, uint16_t svn, tacit_quote_device_t **device,
                                    tacit_error_t *error)
{
    const tacit_nsm_transport_t transport = {
        .self = module, .exchange = s_module, .close = s_module_close};
    return tacit_nsm_device_new(transport, s_program.product_id, svn, device, error);
}

static void nsm_documents_what_was_sent(void **state)
{
    (void)state;
    module_t module = {.locked = false};
    for (int life = 0; life < 2; life++) { /* the second finds PCR16 locked by the first */
        tacit_quote_device_t *device = NULL;
        tacit_platform_t *platform = NULL;
        tacit_error_t error = {0};
        module.requests = 0;
        assert_int_equal(s_open_module(&module, s_program.svn, &device, &error), TACIT_OK);
        assert_int_equal(module.requests, life == 0 ? 4 : 1);
        assert_int_equal(tacit_platform_over(device, &platform, &error), TACIT_OK);
        s_expect_evidence(platform, TACIT_TEE_NITRO);
        s_expect_nothing_else(platform);
        tacit_platform_destroy(&platform);
        assert_true(module.closed);
    }
}

static void nsm_refuses_another_versions_register(void **state)
{
    (void)state;
    tacit_quote_device_t *device = NULL;
    module_t module = {.locked = false};
    module_t foreign = {.locked = true};
    assert_int_equal(s_open_module(&module, s_program.svn, &device, NULL), TACIT_OK);
    tacit_quote_device_destroy(&device);
    assert_int_equal(s_open_module(&module, s_program.svn + 1, &device, NULL),
                     TACIT_ALREADY_EXISTS);
    assert_int_equal(s_open_module(&foreign, s_program.svn, &device, NULL), TACIT_ALREADY_EXISTS);
    assert_true(foreign.closed);
    module_t extended = {.pcr = {1}}; /* by others, and left open */
    assert_int_equal(s_open_module(&extended, s_program.svn, &device, NULL), TACIT_ALREADY_EXISTS);
}

static void nsm_refuses_what_is_no_answer(void **state)
{
    (void)state;
    static const uint8_t responses[][24] = {
        {0},
        {0xa0},
        {0xf6},
        {0x6b, 'D', 'e', 's', 'c', 'r', 'i', 'b', 'e', 'P', 'C', 'R'},
        {0xa1, 0x6b, 'D', 'e', 's', 'c', 'r', 'i', 'b', 'e', 'P', 'C', 'R', 0xa0},
        {0xa1, 0x6b, 'D', 'e', 's', 'c', 'r', 'i', 'b', 'e', 'P', 'C', 'R', 0xf5},
        {0xa1, 0x65, 'E', 'r', 'r', 'o', 'r', 0xf5},
    };
    static const size_t sizes[] = {1, 1, 1, 12, 14, 14, 8};
    tacit_quote_device_t *device = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        module_t module = {.response = tacit_span(responses[i], sizes[i])};
        tacit_error_t error = {0};
        tacit_status_t status = s_open_module(&module, s_program.svn, &device, &error);
        assert_int_equal(status, i == 6 ? TACIT_PLATFORM_REFUSED : TACIT_MALFORMED);
        assert_true(module.closed);
    }
    module_t failing = {.error = "InternalError"};
    tacit_error_t error = {0};
    assert_int_equal(s_open_module(&failing, s_program.svn, &device, &error),
                     TACIT_PLATFORM_REFUSED);
    assert_string_equal(error.got, "InternalError");
}

static void nsm_compares_the_document(void **state)
{
    (void)state;
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t size = 0;
    tacit_quote_device_t *device = NULL;
    module_t module = {.locked = false};
    assert_int_equal(s_open_module(&module, s_program.svn, &device, NULL), TACIT_OK);
    module.replaced = true;
    assert_int_equal(
        tacit_quote_device_quote(device, TACIT_QUOTE_BINDING, s_commitment, quote, &size, NULL),
        TACIT_REPORT_DATA_MISMATCH);
    module.replaced = false;
    for (size_t cut = 1; cut < 4096; cut += 151) {
        module.cut = cut;
        assert_int_not_equal(
            tacit_quote_device_quote(device, TACIT_QUOTE_BINDING, s_commitment, quote, &size, NULL),
            TACIT_OK);
    }
    tacit_quote_device_destroy(&device);
}

static void nsm_is_where_its_file_is(void **state)
{
    (void)state;
    tacit_nsm_transport_t transport;
    tacit_quote_device_t *device = NULL;
    tacit_error_t error = {0};
    assert_int_equal(tacit_nsm_open("/nowhere/nsm", &transport, &error), TACIT_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/nsm"));
    assert_int_equal(tacit_nsm_open("/dev/null", &transport, &error), TACIT_OK);
    assert_int_equal(tacit_nsm_device_new(transport, 5, 1, &device, &error), TACIT_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gramine_quotes_what_was_written),
        cmocka_unit_test(gramine_refuses_what_is_not_its_quote),
        cmocka_unit_test(gramine_files_may_be_on_disk),
        cmocka_unit_test(tsm_quotes_what_was_written),
        cmocka_unit_test(tsm_tries_again_while_others_are_in_the_way),
        cmocka_unit_test(tsm_refuses_what_is_not_its_quote),
        cmocka_unit_test(nsm_documents_what_was_sent),
        cmocka_unit_test(nsm_refuses_another_versions_register),
        cmocka_unit_test(nsm_refuses_what_is_no_answer),
        cmocka_unit_test(nsm_compares_the_document),
        cmocka_unit_test(nsm_is_where_its_file_is),
    };
    return cmocka_run_group_tests(tests, s_set_up, s_tear_down);
}
