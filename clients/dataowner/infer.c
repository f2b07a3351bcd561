/*  infer.c - tacit-dataowner infer: files to rows, rows to requests, answers to a report.  */

#include <errno.h>
#include <stdlib.h>

#include "clients/dataowner/commands.h"
#include "clients/dataowner/inputs.h"
#include "clients/dataowner/receipt_store.h"
#include "clients/dataowner/report.h"
#include "clients/dataowner/timing.h"
#include "clients/lib/file.h"
#include "clients/lib/hex.h"
#include "clients/lib/model_directory.h"
#include "clients/lib/progress.h"
#include "clients/lib/remote_model.h"
#include "idl/keys.h"

enum {
    S_BATCH = 64, /* rows of a request, where nobody says otherwise */
    S_BATCH_MAX = 1 << 20
};

typedef struct s_infer {
    const tacit_invocation_t *invocation;
    tacit_model_reference_t reference;
    uint8_t measurements[TACIT_REQUEST_KEYS_MAX][32];
    size_t measurement_count;
    size_t batch;
    char receipts[PATH_MAX];
    tacit_inputs_t inputs;
    size_t rows; /* of a prediction each */
    tacit_predictions_t predictions;
    tacit_timing_t timing;
    char **receipt_paths; /* owned, as its elements; one for each request */
    size_t receipt_count;
    tacit_user_t user;
    tacit_remote_model_t *model;
    tacit_receipt_t last; /* which version answered, in which code */
} s_infer_t;

/*  --- the command line ------------------------------------------------------------------------ */

static tacit_status_t s_take_batch(s_infer_t *self, tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(self->invocation, "batch");
    char *end = NULL;
    self->batch = S_BATCH;
    if (!text) {
        return TACIT_OK;
    }
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0' || errno != 0 || number > S_BATCH_MAX) {
        return tacit_usage_error(self->invocation, ret_error, "--batch takes 1 to %d rows",
                                 S_BATCH_MAX);
    }
    self->batch = number;
    return TACIT_OK;
}

static tacit_status_t s_take_measurements(s_infer_t *self, tacit_error_t *ret_error)
{
    size_t count = tacit_invocation_count(self->invocation, "measurement");
    if (count > TACIT_REQUEST_KEYS_MAX) {
        return tacit_usage_error(self->invocation, ret_error, "at most %d measurements",
                                 TACIT_REQUEST_KEYS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = tacit_invocation_nth(self->invocation, "measurement", i);
        if (!tacit_hex_read(text, self->measurements[i], 32)) {
            return tacit_usage_error(self->invocation, ret_error,
                                     "--measurement takes 64 hex digits");
        }
    }
    self->measurement_count = count;
    return TACIT_OK;
}

static tacit_status_t s_take_folder(s_infer_t *self, tacit_error_t *ret_error)
{
    const char *folder = tacit_invocation_value(self->invocation, "receipts");
    int size = folder
                   ? snprintf(self->receipts, PATH_MAX, "%s", folder)
                   : snprintf(self->receipts, PATH_MAX, "%s/receipts", self->invocation->identity);
    return size < PATH_MAX ? TACIT_OK
                           : tacit_usage_error(self->invocation, ret_error,
                                               "the path of the receipts is too long");
}

static tacit_status_t s_take_labels(s_infer_t *self, tacit_error_t *ret_error)
{
    const char *path = tacit_invocation_value(self->invocation, "labels");
    tacit_secret_t *text = NULL;
    if (!path) {
        return TACIT_OK;
    }
    tacit_error_t reason = {.code = TACIT_OK};
    tacit_status_t status = tacit_file_read(path, TACIT_LABELS_TEXT_MAX, &text, &reason);
    if (!status) {
        status = tacit_predictions_name(&self->predictions, tacit_secret_span(text), &reason);
    }
    tacit_secret_destroy(&text);
    if (status) {
        tacit_error_set(ret_error, status, "%s: %s", path, reason.message);
        tacit_error_remedy(ret_error, "%s", reason.remedy);
    }
    return status;
}

/*  Everything that can be wrong here is found before the mesh is asked anything.  */
static tacit_status_t s_prepare(s_infer_t *self, tacit_error_t *ret_error)
{
    const tacit_invocation_t *invocation = self->invocation;
    for (size_t i = 0; i < tacit_invocation_count(invocation, "output"); i++) {
        if (!tacit_report_can_save(tacit_invocation_nth(invocation, "output", i))) {
            return tacit_usage_error(invocation, ret_error,
                                     "--output takes FILE.csv, FILE.npy or NAME=FILE.npy");
        }
    }
    tacit_status_t status =
        tacit_model_reference_parse(invocation->operands[0], NULL, &self->reference, ret_error);
    if (!status) {
        status = s_take_batch(self, ret_error);
    }
    if (!status) {
        status = s_take_measurements(self, ret_error);
    }
    if (!status) {
        status = s_take_folder(self, ret_error);
    }
    if (!status) {
        status = tacit_inputs_load(invocation, &self->inputs, ret_error);
    }
    if (!status) {
        self->rows = self->inputs.rows;
        self->batch = self->inputs.whole ? self->rows : self->batch;
        tacit_predictions_init(&self->predictions, self->rows);
        status = s_take_labels(self, ret_error);
    }
    return status;
}

/*  --- requests -------------------------------------------------------------------------------- */

static size_t s_count(const s_infer_t *self, size_t first)
{
    size_t rest = self->rows - first;
    return rest < self->batch ? rest : self->batch;
}

static tacit_status_t s_ask(s_infer_t *self, size_t first, tacit_error_t *ret_error)
{
    tacit_inputs_cut_t cut;
    tacit_inputs_take(&self->inputs, first, s_count(self, first), &cut);
    return tacit_remote_model_start(self->model, cut.tensors, self->inputs.count, first, ret_error);
}

static tacit_status_t s_keep_receipt(s_infer_t *self, const tacit_answer_t *answer,
                                     tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_receipt_bundle_t bundle = {.time_ms = 0};
    bool keep = tacit_invocation_count(self->invocation, "keep-sealed") > 0;
    tacit_status_t status = tacit_remote_model_bundle(self->model, answer, &bundle);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = tacit_receipt_store_put(self->receipts, &bundle, answer, keep, path, ret_error);
    tacit_receipt_bundle_release(&bundle);
    if (!status) {
        self->receipt_paths[self->receipt_count] = strdup(path);
        self->receipt_count += self->receipt_paths[self->receipt_count] != NULL;
    }
    return status;
}

/*  Waits for one answer, and takes it.  */
static tacit_status_t s_take_one(s_infer_t *self, size_t *done, tacit_error_t *ret_error)
{
    tacit_answer_t answer;
    tacit_status_t status = tacit_remote_model_next(self->model, &answer, ret_error);
    size_t first = (size_t)answer.tag;
    if (!status) {
        status = s_keep_receipt(self, &answer, ret_error);
    }
    if (!status) {
        status = tacit_predictions_add(&self->predictions, first, s_count(self, first), &answer,
                                       ret_error);
    }
    if (!status) {
        tacit_timing_add(&self->timing, &answer.phases);
        self->last = answer.receipt;
        *done += s_count(self, first);
    }
    tacit_answer_release(&answer);
    return status;
}

static tacit_status_t s_ask_all(s_infer_t *self, tacit_error_t *ret_error)
{
    tacit_progress_t progress;
    tacit_status_t status = TACIT_OK;
    size_t asked = 0;
    size_t done = 0;
    tacit_progress_start(&progress, stderr, "inferring", self->rows);
    while (done < self->rows && !status) {
        while (asked < self->rows && !status &&
               tacit_remote_model_pending(self->model) < tacit_remote_model_width(self->model)) {
            status = s_ask(self, asked, ret_error);
            asked += s_count(self, asked);
        }
        if (!status) {
            status = s_take_one(self, &done, ret_error);
        }
        tacit_progress_update(&progress, done);
    }
    tacit_progress_end(&progress);
    return status;
}

/*  Each request is a use, which who counts rows does not expect.  */
static void s_explain_uses(const s_infer_t *self, size_t requests, tacit_status_t status,
                           tacit_error_t *ret_error)
{
    if (status == (tacit_status_t)TACIT_KEYS_GRANT_USED_UP && requests > 1 && ret_error) {
        tacit_error_remedy(ret_error,
                           "%zu rows were %zu requests, and each is a use: fewer with a larger "
                           "--batch; or ask the model's owner for another grant",
                           self->rows, requests);
    }
}

static tacit_status_t s_infer(s_infer_t *self, tacit_error_t *ret_error)
{
    /*  NOLINTNEXTLINE(clang-analyzer-core.DivideZero): s_take_batch lets 1 and more pass  */
    size_t requests = (self->rows + self->batch - 1) / self->batch;
    self->receipt_paths = calloc(requests, sizeof *self->receipt_paths);
    if (!self->receipt_paths) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_user_open(self->invocation, &self->user, ret_error);
    if (!status) {
        status = tacit_model_directory_resolve(&self->user, &self->reference, ret_error);
    }
    if (!status) {
        status = tacit_remote_model_open(&self->user, self->invocation->identity, &self->reference,
                                         (const uint8_t(*)[32])self->measurements,
                                         self->measurement_count, &self->model, ret_error);
    }
    if (!status) {
        status = s_ask_all(self, ret_error);
    }
    s_explain_uses(self, requests, status, ret_error);
    return status;
}

/*  --- the report ------------------------------------------------------------------------------ */

static void s_print_json(const s_infer_t *self, const tacit_report_rows_t *rows)
{
    char owner[TACIT_HEX_KEY_SIZE];
    char measurement[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(self->last.envelope.owner, owner);
    tacit_hex_key(self->last.mrenclave, measurement);
    printf("{\n  \"model\": {\"owner\": \"%s\", \"name\": \"%s\", \"version\": %u, "
           "\"measurement\": \"%s\", \"simulated\": %s},\n",
           owner, self->last.envelope.name, self->last.envelope.version, measurement,
           self->last.simulated ? "true" : "false");
    tacit_report_json(&self->predictions, rows, stdout);
    printf(",\n  \"receipts\": [");
    for (size_t i = 0; i < self->receipt_count; i++) {
        printf("%s", i > 0 ? ", " : "");
        tacit_report_json_string(self->receipt_paths[i], stdout);
    }
    printf("]");
    if (tacit_invocation_count(self->invocation, "timing") > 0) {
        printf(",\n  \"timing\": ");
        tacit_timing_print_json(&self->timing, stdout);
    }
    printf("\n}\n");
}

static tacit_status_t s_print(const s_infer_t *self, const tacit_report_rows_t *rows)
{
    char owner[TACIT_HEX_SHORT_SIZE];
    char measurement[TACIT_HEX_SHORT_SIZE];
    tacit_hex_short(self->last.envelope.owner, owner);
    tacit_hex_short(self->last.mrenclave, measurement);
    tacit_status_t status = tacit_report_table(&self->predictions, rows, stdout);
    if (!status && tacit_invocation_count(self->invocation, "timing") > 0) {
        printf("\n");
        status = tacit_timing_print(&self->timing, stdout);
    }
    printf("\n%zu row%s by %s/%s@%u in workers measured %s%s; %zu verified receipt%s in %s\n",
           self->rows, self->rows == 1 ? "" : "s", owner, self->last.envelope.name,
           self->last.envelope.version, measurement, self->last.simulated ? " (SIMULATED)" : "",
           self->receipt_count, self->receipt_count == 1 ? "" : "s", self->receipts);
    return status;
}

static tacit_status_t s_report(const s_infer_t *self, tacit_error_t *ret_error)
{
    const tacit_invocation_t *invocation = self->invocation;
    bool each = invocation->operand_count - 1 == self->rows;
    tacit_report_rows_t rows = {
        .files = each && self->rows > 0 ? (const char *const *)invocation->operands + 1 : NULL,
    };
    /*  What cannot be saved is shown all the same: it may have cost a use.  */
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < tacit_invocation_count(invocation, "output") && !status; i++) {
        status = tacit_report_save(&self->predictions, &rows,
                                   tacit_invocation_nth(invocation, "output", i), ret_error);
    }
    if (invocation->json) {
        s_print_json(self, &rows);
    } else if (s_print(self, &rows) && !status) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, "the table cannot be printed");
    }
    return status;
}

static void s_release(s_infer_t *self)
{
    for (size_t i = 0; i < self->receipt_count; i++) {
        free(self->receipt_paths[i]);
    }
    free(self->receipt_paths);
    tacit_remote_model_destroy(&self->model);
    tacit_user_close(&self->user);
    tacit_predictions_release(&self->predictions);
    tacit_inputs_release(&self->inputs);
    free(self);
}

tacit_status_t tacit_command_infer(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    s_infer_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->invocation = invocation;
    tacit_status_t status = s_prepare(self, ret_error);
    if (!status) {
        status = s_infer(self, ret_error);
    }
    if (!status) {
        status = s_report(self, ret_error);
    }
    s_release(self);
    return status;
}
