/*  test_service.c - see test_service.h.  */

#include "tests/unit/test_service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rpc/builtin.h"

int test_service_on_pipe(zloop_t *loop, zsock_t *pipe, void *unused)
{
    (void)loop;
    (void)unused;
    char *command = zstr_recv(pipe);
    zstr_free(&command);
    return -1;
}

void test_service_serve(zsock_t *pipe, const tacit_server_config_t *config,
                        const tacit_service_t *service, const void *handlers, void *self,
                        char *ret_endpoint, size_t room)
{
    tacit_server_t *server = NULL;
    zloop_t *loop = zloop_new();
    zloop_set_nonstop(loop, true);
    assert_int_equal(tacit_server_new(config, &server, NULL), TACIT_OK);
    assert_int_equal(tacit_server_add(server, service, handlers, self), TACIT_OK);
    assert_int_equal(tacit_server_attach(server, loop), TACIT_OK);
    snprintf(ret_endpoint, room, "%s", tacit_server_endpoint(server));
    zloop_reader(loop, pipe, test_service_on_pipe, NULL);
    zsock_signal(pipe, 0);
    zloop_start(loop);
    zloop_destroy(&loop);
    tacit_server_destroy(&server);
}

uint64_t test_service_metric(tacit_client_t *client, const char *service, const char *name)
{
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_metrics_result_t metrics;
    char line[256];
    assert_int_equal(tacit_builtin_init(&builtin, service), TACIT_OK);
    assert_int_equal(tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_METRICS], &args,
                                       tacit_span(NULL, 0), 0, &metrics, NULL, NULL),
                     TACIT_OK);
    int size = snprintf(line, sizeof line, "\n%s ", name);
    const char *found = memmem(metrics.text.data, metrics.text.size, line, (size_t)size);
    uint64_t number = found ? strtoull(found + size, NULL, 10) : UINT64_MAX;
    tacit_client_destroy(&client);
    return number;
}
