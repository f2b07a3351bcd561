/*  test_service.h - what the services of tests have in common: an actor that serves a contract on a
    loop of its own, clients of it, and its numbers. All end the test where they fail.  */

#ifndef TACIT_TESTS_TEST_SERVICE_H
#define TACIT_TESTS_TEST_SERVICE_H

#include "rpc/client.h"
#include "rpc/server.h"

/*  The whole of an actor's body: serves until it is asked to end. Gives the endpoint as bound.  */
void test_service_serve(zsock_t *pipe, const tacit_server_config_t *config,
                        const tacit_service_t *service, const void *handlers, void *self,
                        char *ret_endpoint, size_t room);

/*  A reader of the actor's pipe that ends its loop at whatever comes.  */
int test_service_on_pipe(zloop_t *loop, zsock_t *pipe, void *unused);

/*  A number of the service's metrics, by all that stands before it in its line, asked for by the
    operator's client, which ends; UINT64_MAX where there is none.  */
uint64_t test_service_metric(tacit_client_t *client, const char *service, const char *name);

#endif
