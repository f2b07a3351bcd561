/*  gcm.c - tacit-bench-gcm: a stream of chunks sealed with AES-256-GCM over TCP, and nothing else:
    the ceiling of any encrypted stream on this machine.

    A chunk is its bytes and a tag of 16, under a key that both ends know and a nonce that counts.
    One thread at each end, one buffer, OpenSSL.  */

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/rpc/load.h"

enum { S_TAG = 16, S_NONCE = 12 };

typedef struct {
    const load_options_t *options;
    EVP_CIPHER_CTX *cipher;
    uint64_t number; /* of the next chunk */
    int file;
} s_connection_t;

static const uint8_t s_key[32] = "the key of this benchmark";

static void s_nonce(s_connection_t *self, uint8_t ret_nonce[S_NONCE])
{
    memset(ret_nonce, 0, S_NONCE);
    memcpy(ret_nonce, &self->number, sizeof self->number);
    self->number++;
}

static void s_seal(s_connection_t *self, const uint8_t *plain, uint8_t *sealed, size_t size)
{
    uint8_t nonce[S_NONCE];
    int done = 0;
    s_nonce(self, nonce);
    load_check(EVP_EncryptInit_ex(self->cipher, NULL, NULL, NULL, nonce) == 1 &&
                   EVP_EncryptUpdate(self->cipher, sealed, &done, plain, (int)size) == 1 &&
                   EVP_EncryptFinal_ex(self->cipher, sealed + done, &done) == 1 &&
                   EVP_CIPHER_CTX_ctrl(self->cipher, EVP_CTRL_AEAD_GET_TAG, S_TAG, sealed + size) ==
                       1,
               "seal");
}

static void s_open(s_connection_t *self, uint8_t *sealed, uint8_t *plain, size_t size)
{
    uint8_t nonce[S_NONCE];
    int done = 0;
    s_nonce(self, nonce);
    load_check(EVP_DecryptInit_ex(self->cipher, NULL, NULL, NULL, nonce) == 1 &&
                   EVP_DecryptUpdate(self->cipher, plain, &done, sealed, (int)size) == 1 &&
                   EVP_CIPHER_CTX_ctrl(self->cipher, EVP_CTRL_AEAD_SET_TAG, S_TAG, sealed + size) ==
                       1 &&
                   EVP_DecryptFinal_ex(self->cipher, plain + done, &done) == 1,
               "open");
}

static void s_send(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(file, data, size, MSG_NOSIGNAL);
        load_check(sent > 0, "send");
        data += sent;
        size -= (size_t)sent;
    }
}

static bool s_receive(int file, uint8_t *data, size_t size)
{
    ssize_t got = recv(file, data, size, MSG_WAITALL);
    load_check(got == 0 || got == (ssize_t)size, "receive");
    return got > 0;
}

/*  One stream: its request is two numbers, bytes and bytes of a chunk.  */
static void s_answer(int file)
{
    s_connection_t self = {.cipher = EVP_CIPHER_CTX_new()};
    uint64_t wanted[2];
    load_check(self.cipher && EVP_EncryptInit_ex(self.cipher, EVP_aes_256_gcm(), NULL, s_key, NULL),
               "cipher");
    if (s_receive(file, (uint8_t *)wanted, sizeof wanted)) {
        load_check(wanted[1] > 0 && wanted[1] <= LOAD_SIZE_MAX, "chunk");
        uint8_t *plain = calloc(1, wanted[1]);
        uint8_t *sealed = malloc(wanted[1] + S_TAG);
        load_check(plain && sealed, "memory");
        for (uint64_t left = wanted[0]; left > 0;) {
            size_t size = left < wanted[1] ? left : wanted[1];
            s_seal(&self, plain, sealed, size);
            s_send(file, sealed, size + S_TAG);
            left -= size;
        }
        free(plain);
        free(sealed);
    }
    EVP_CIPHER_CTX_free(self.cipher);
}

static void s_serve(const load_options_t *options)
{
    (void)options;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    load_check(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0 &&
                   getsockname(listener, (struct sockaddr *)&address, &size) == 0,
               "listen");
    char line[16];
    snprintf(line, sizeof line, "%u", ntohs(address.sin_port));
    load_ready(line);
    for (;;) {
        int file = accept(listener, NULL, NULL);
        load_check(file >= 0, "accept");
        s_answer(file);
        close(file);
    }
}

static void *s_connect(const load_options_t *options)
{
    s_connection_t *self = calloc(1, sizeof *self);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(options->address, NULL, 10))};
    load_check(self != NULL, "memory");
    self->options = options;
    self->cipher = EVP_CIPHER_CTX_new();
    self->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    load_check(self->cipher &&
                   EVP_DecryptInit_ex(self->cipher, EVP_aes_256_gcm(), NULL, s_key, NULL) &&
                   connect(self->file, (struct sockaddr *)&address, sizeof address) == 0,
               "connect");
    return self;
}

static void s_disconnect(void *connection)
{
    s_connection_t *self = connection;
    EVP_CIPHER_CTX_free(self->cipher);
    close(self->file);
    free(self);
}

static void s_pull(void *connection)
{
    s_connection_t *self = connection;
    const load_options_t *options = self->options;
    uint64_t wanted[2] = {options->amount, options->size};
    uint8_t *sealed = malloc(options->size + S_TAG);
    uint8_t *plain = malloc(options->size);
    load_check(sealed && plain, "memory");
    s_send(self->file, (const uint8_t *)wanted, sizeof wanted);
    for (uint64_t left = options->amount; left > 0;) {
        size_t size = left < options->size ? left : options->size;
        load_check(s_receive(self->file, sealed, size + S_TAG), "the stream was cut");
        s_open(self, sealed, plain, size);
        left -= size;
    }
    free(sealed);
    free(plain);
}

static void s_no_call(void *connection)
{
    (void)connection;
    load_check(false, "this peer has streams only");
}

int main(int argc, char **argv)
{
    static const load_peer_t peer = {.name = "gcm",
                                     .serve = s_serve,
                                     .connect = s_connect,
                                     .disconnect = s_disconnect,
                                     .call = s_no_call,
                                     .start = s_no_call,
                                     .next = s_no_call,
                                     .pull = s_pull};
    return load_main(argc, argv, &peer);
}
