/*  echo_client.c - calls every method of the echo service.

        echo-client ENDPOINT KEY TEXT  */

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/secret.h"
#include "idl/echo.h"
#include "rpc/client.h"

static tacit_status_t s_say(tacit_client_t *client, const char *text, tacit_error_t *ret_error)
{
    const tacit_echo_say_args_t args = {.text = tacit_span_string(text)};
    tacit_echo_say_result_t result = {.text = {NULL, 0}};
    tacit_status_t status = tacit_echo_say_call(client, &args, &result, ret_error);
    if (!status) {
        printf("say: %.*s\n", (int)result.text.size, (const char *)result.text.data);
    }
    return status;
}

static tacit_status_t s_reverse(tacit_client_t *client, const char *text, tacit_error_t *ret_error)
{
    const tacit_echo_reverse_args_t args = {0};
    tacit_echo_reverse_result_t result = {0};
    tacit_span_t turned = tacit_span(NULL, 0);
    tacit_status_t status = tacit_echo_reverse_call(client, &args, tacit_span_string(text), &result,
                                                    &turned, ret_error);
    if (!status) {
        printf("reverse: %.*s\n", (int)turned.size, (const char *)turned.data);
    }
    return status;
}

static tacit_status_t s_leave_note(tacit_client_t *client, const char *text,
                                   tacit_error_t *ret_error)
{
    const tacit_echo_leave_note_args_t args = {.note = tacit_span_string(text)};
    tacit_echo_leave_note_result_t result = {0};
    tacit_status_t status = tacit_echo_leave_note_call(client, &args, &result, ret_error);
    if (!status) {
        printf("leave_note: %" PRIu32 "\n", result.count);
    }
    return status;
}

static tacit_status_t s_connect(const char *endpoint, const uint8_t server_key[32],
                                tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    uint8_t public_key[32];
    uint8_t secret_key[32];
    crypto_box_keypair(public_key, secret_key);
    const tacit_party_t party = {.role = TACIT_ROLE_USER, .curve_public = public_key};
    const tacit_client_config_t config = {
        .endpoint = endpoint,
        .server_key = server_key,
        .public_key = public_key,
        .secret_key = secret_key,
        .party = &party,
        .peer_role = TACIT_ROLE_MESH,
    };
    tacit_status_t status = tacit_client_new(&config, ret_client, ret_error);
    sodium_memzero(secret_key, sizeof secret_key);
    return status;
}

int main(int argc, char **argv)
{
    uint8_t key[32];
    size_t size = 0;
    tacit_client_t *client = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    if (argc != 4 || tacit_process_init() ||
        sodium_hex2bin(key, sizeof key, argv[2], strlen(argv[2]), NULL, &size, NULL) != 0 ||
        size != sizeof key) {
        fprintf(stderr, "usage: echo-client ENDPOINT KEY TEXT\n");
        return 2;
    }
    tacit_status_t status = s_connect(argv[1], key, &client, &error);
    if (!status) {
        status = s_say(client, argv[3], &error);
    }
    if (!status) {
        status = s_reverse(client, argv[3], &error);
    }
    if (!status) {
        status = s_leave_note(client, argv[3], &error);
    }
    if (status) {
        fprintf(stderr, "%s: %s %s\n", error.name, error.message, error.remedy);
    }
    tacit_client_destroy(&client);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
