/*  status.c - tacit-operator status: processes, members, workers.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/table.h"
#include "clients/lib/user.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "enclave/clock.h"
#include "idl/inference.h"
#include "idl/mesh.h"

/*  Everything that status shows; the spans live in the clients.  */
typedef struct {
    tacit_client_t *supervisor;
    tacit_mesh_t *mesh;
    tacit_client_t *gateway;
    tacit_mesh_status_result_t processes;
    tacit_peer_t *members;
    size_t member_count;
    tacit_inference_status_result_t inference;
    bool has_inference; /* the gateway answered */
} s_view_t;

static void s_close(s_view_t *view)
{
    tacit_client_destroy(&view->gateway);
    tacit_mesh_destroy(&view->mesh);
    tacit_client_destroy(&view->supervisor);
    free(view->members);
}

/*  Processes are told even where the mesh itself is out of order: that is when one looks.  */
static tacit_status_t s_look(const tacit_invocation_t *invocation, const tacit_identity_t *identity,
                             s_view_t *ret_view, tacit_error_t *ret_error)
{
    tacit_mesh_status_args_t args = {0};
    tacit_inference_status_args_t inference_args = {0};
    tacit_status_t status =
        tacit_control_connect(invocation, identity, &ret_view->supervisor, ret_error);
    if (!status) {
        status =
            tacit_mesh_status_call(ret_view->supervisor, &args, &ret_view->processes, ret_error);
    }
    ret_view->members = calloc(TACIT_MESH_PEERS_MAX, sizeof *ret_view->members);
    if (status || !ret_view->members) {
        return status ? status : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (tacit_control_mesh(invocation, identity, 0, &ret_view->mesh, NULL) ||
        tacit_mesh_lookup(ret_view->mesh, TACIT_ROLE_NONE, ret_view->members, TACIT_MESH_PEERS_MAX,
                          &ret_view->member_count, NULL) ||
        tacit_mesh_connect(ret_view->mesh, TACIT_ROLE_GATEWAY, &ret_view->gateway, NULL)) {
        return TACIT_OK;
    }
    ret_view->has_inference = !tacit_inference_status_call(ret_view->gateway, &inference_args,
                                                           &ret_view->inference, NULL);
    return TACIT_OK;
}

/*  --- for people ------------------------------------------------------------------------------ */

static void s_age(uint64_t since_ms, char *ret_text, size_t size)
{
    uint64_t now_ms = tacit_now_ms();
    uint64_t seconds = since_ms && now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
    if (!since_ms) {
        snprintf(ret_text, size, "-");
    } else if (seconds < 120) {
        snprintf(ret_text, size, "%llus", (unsigned long long)seconds);
    } else if (seconds < 7200) {
        snprintf(ret_text, size, "%llum", (unsigned long long)seconds / 60);
    } else {
        snprintf(ret_text, size, "%lluh", (unsigned long long)seconds / 3600);
    }
}

static void s_text(tacit_span_t span, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)span.size, span.data ? (const char *)span.data : "");
}

static tacit_status_t s_print_processes(const s_view_t *view)
{
    static const tacit_column_t columns[] = {
        {"PROCESS", TACIT_ALIGN_LEFT}, {"STATE", TACIT_ALIGN_LEFT},
        {"PID", TACIT_ALIGN_RIGHT},    {"RESTARTS", TACIT_ALIGN_RIGHT},
        {"AGE", TACIT_ALIGN_RIGHT},    {"LAST EXIT", TACIT_ALIGN_LEFT},
    };
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(columns, 6, &table);
    for (size_t i = 0; i < view->processes.processes.count && !status; i++) {
        const tacit_mesh_process_t *process = &view->processes.processes.items[i];
        char name[64];
        char pid[16];
        char restarts[16];
        char age[24];
        char last_exit[256];
        s_text(process->name, name, sizeof name);
        snprintf(pid, sizeof pid, "%u", process->pid);
        snprintf(restarts, sizeof restarts, "%u", process->restarts);
        s_age(process->started_ms, age, sizeof age);
        s_text(process->last_exit, last_exit, sizeof last_exit);
        const char *const cells[] = {name,
                                     tacit_mesh_process_state_name(process->state),
                                     process->pid ? pid : "-",
                                     restarts,
                                     age,
                                     last_exit};
        status = tacit_table_add(table, cells);
    }
    if (!status) {
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    return status;
}

static void s_models_text(const tacit_inference_worker_info_t *worker, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < worker->residents.count && used < size; i++) {
        const tacit_inference_resident_t *resident = &worker->residents.items[i];
        int more = snprintf(ret_text + used, size - used, "%s%.*s@%u", i ? " " : "",
                            (int)resident->name.size, (const char *)resident->name.data,
                            resident->version);
        used += more > 0 ? (size_t)more : 0;
    }
}

static tacit_status_t s_print_workers(const s_view_t *view)
{
    static const tacit_column_t columns[] = {
        {"WORKER", TACIT_ALIGN_LEFT},  {"MEASUREMENT", TACIT_ALIGN_LEFT},
        {"STATE", TACIT_ALIGN_LEFT},   {"ANSWERED", TACIT_ALIGN_RIGHT},
        {"FAILED", TACIT_ALIGN_RIGHT}, {"MODELS IN MEMORY", TACIT_ALIGN_LEFT},
    };
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(columns, 6, &table);
    for (size_t i = 0; i < view->inference.workers.count && !status; i++) {
        const tacit_inference_worker_info_t *worker = &view->inference.workers.items[i];
        char key[17];
        char measurement[17];
        char answered[24];
        char failed[24];
        char models[TACIT_TABLE_CELL_MAX];
        sodium_bin2hex(key, sizeof key, worker->curve_key.data, 8);
        sodium_bin2hex(measurement, sizeof measurement, worker->measurement.data, 8);
        snprintf(answered, sizeof answered, "%llu", (unsigned long long)worker->answered);
        snprintf(failed, sizeof failed, "%llu", (unsigned long long)worker->failed);
        s_models_text(worker, models, sizeof models);
        const char *const cells[] = {
            key,      measurement, tacit_inference_worker_state_name(worker->state),
            answered, failed,      models};
        status = tacit_table_add(table, cells);
    }
    if (!status) {
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    return status;
}

static tacit_status_t s_print(const s_view_t *view)
{
    tacit_status_t status = s_print_processes(view);
    if (status) {
        return status;
    }
    if (!view->has_inference) {
        printf("\nNo gateway answers: nothing is inferred at this moment.\n");
        return TACIT_OK;
    }
    printf("\n");
    status = s_print_workers(view);
    printf("\n%zu members attested, %u requests waiting, %llu answered, %llu failed. "
           "SIMULATED %s platform.\nWorkers: %.*s isolation, %.*s backend.\n",
           view->member_count, view->inference.queued, (unsigned long long)view->inference.answered,
           (unsigned long long)view->inference.failed,
           view->member_count ? tacit_tee_name(view->members[0].result.tee) : "",
           (int)view->processes.isolation.size, (const char *)view->processes.isolation.data,
           (int)view->processes.backend.size, (const char *)view->processes.backend.data);
    return status;
}

/*  --- for programs ---------------------------------------------------------------------------- */

static json_t *s_process_json(const tacit_mesh_process_t *process)
{
    return json_pack(
        "{s:s#, s:s, s:i, s:i, s:I, s:s#}", "name", process->name.data, (int)process->name.size,
        "state", tacit_mesh_process_state_name(process->state), "pid", (int)process->pid,
        "restarts", (int)process->restarts, "started_ms", (json_int_t)process->started_ms,
        "last_exit", process->last_exit.size ? (const char *)process->last_exit.data : "",
        (int)process->last_exit.size);
}

static json_t *s_member_json(const tacit_peer_t *peer)
{
    char key[65];
    char mrenclave[65];
    sodium_bin2hex(key, sizeof key, peer->result.curve_key, 32);
    sodium_bin2hex(mrenclave, sizeof mrenclave, peer->result.mrenclave, 32);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I}", "role",
                     tacit_role_name(peer->result.role), "tee", tacit_tee_name(peer->result.tee),
                     "endpoint", peer->endpoint, "curve_key", key, "mrenclave", mrenclave,
                     "simulated", peer->result.simulated, "expires_ms",
                     (json_int_t)peer->result.expires_ms);
}

static json_t *s_worker_json(const tacit_inference_worker_info_t *worker)
{
    char key[65];
    char measurement[65];
    char models[TACIT_TABLE_CELL_MAX];
    sodium_bin2hex(key, sizeof key, worker->curve_key.data, 32);
    sodium_bin2hex(measurement, sizeof measurement, worker->measurement.data, 32);
    s_models_text(worker, models, sizeof models);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "curve_key", key, "measurement", measurement,
                     "state", tacit_inference_worker_state_name(worker->state), "answered",
                     (json_int_t)worker->answered, "failed", (json_int_t)worker->failed, "models",
                     models);
}

static void s_print_json(const s_view_t *view)
{
    json_t *processes = json_array();
    json_t *members = json_array();
    json_t *workers = json_array();
    for (size_t i = 0; i < view->processes.processes.count; i++) {
        json_array_append_new(processes, s_process_json(&view->processes.processes.items[i]));
    }
    for (size_t i = 0; i < view->member_count; i++) {
        json_array_append_new(members, s_member_json(&view->members[i]));
    }
    for (size_t i = 0; view->has_inference && i < view->inference.workers.count; i++) {
        json_array_append_new(workers, s_worker_json(&view->inference.workers.items[i]));
    }
    json_t *object = json_pack(
        "{s:b, s:s#, s:s#, s:o, s:o, s:o, s:i, s:I, s:I}", "simulated", view->processes.simulated,
        "isolation", view->processes.isolation.data, (int)view->processes.isolation.size, "backend",
        view->processes.backend.data, (int)view->processes.backend.size, "processes", processes,
        "members", members, "workers", workers, "queued", (int)view->inference.queued, "answered",
        (json_int_t)view->inference.answered, "failed", (json_int_t)view->inference.failed);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

tacit_status_t tacit_status_print(const tacit_invocation_t *invocation,
                                  const tacit_identity_t *identity, tacit_error_t *ret_error)
{
    s_view_t view = {0};
    tacit_status_t status = s_look(invocation, identity, &view, ret_error);
    if (!status && invocation->json) {
        s_print_json(&view);
    } else if (!status) {
        status = s_print(&view);
    }
    s_close(&view);
    return status;
}

tacit_status_t tacit_command_status(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_identity_t *identity = NULL;
    tacit_status_t status = tacit_user_identity(invocation, &identity, ret_error);
    if (!status) {
        status = tacit_status_print(invocation, identity, ret_error);
    }
    tacit_identity_destroy(&identity);
    return status;
}
