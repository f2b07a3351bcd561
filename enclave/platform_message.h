/*  platform_message.h - the messages between an enclave and its platform, on an AF_UNIX
    SOCK_SEQPACKET connection. Binary, little-endian, one message a packet, every size bounded.

        platform -> enclave   hello          once, when the caller was measured; or a refusal
        enclave -> platform   request        one at a time
        platform -> enclave   reply

        request   0 magic u32 | 4 operation u16 | 6 zero u16 | 8 challenge 32 | 40 payload
        reply     0 magic u32 | 4 operation u16 | 6 zero u16 | 8 status u32 | 12 payload

    Payloads of requests (exactly so many bytes) and of replies whose status is 0:

        hello            -                                          challenge 32, mrenclave 32,
                                                                    mrsigner 32, product u16,
                                                                    svn u16, debug u8, kind u8
                                                                    (tee.h), 2 zeroes,
                                                                    the configuration's text
        quote            purpose u32, commitment 64                 the quote
        collateral       -                                          6 sizes u32, then the parts:
                                                                    TCB info, QE identity, TCB
                                                                    chain, CRL chain, root CRL,
                                                                    PCK CRL
        sealing key      policy u16, svn u16, context 32            the key 32
        counter read     name 32                                    value u64
        counter advance  name 32, value u64                         -
        counter move     name 32, from u64, value u64               -

    A reply with another status carries the refusal, five texts padded with zeroes: message 256,
    claim 96, expected 200, got 200, remedy 256. The challenge is the platform's, fresh for each
    connection, and each request repeats it; the kernel says which process sent each packet. Who
    breaks the protocol gets PROTOCOL_ERROR and loses the connection.  */

#ifndef TACIT_ENCLAVE_PLATFORM_MESSAGE_H
#define TACIT_ENCLAVE_PLATFORM_MESSAGE_H

#include "enclave/enclave_configuration.h"
#include "enclave/evidence.h"

enum {
    TACIT_PLATFORM_REQUEST_MAGIC = 0x31515054, /* "TPQ1" */
    TACIT_PLATFORM_REPLY_MAGIC = 0x31525054,   /* "TPR1" */

    TACIT_PLATFORM_CHALLENGE_SIZE = 32,
    TACIT_PLATFORM_REQUEST_HEADER = 8 + TACIT_PLATFORM_CHALLENGE_SIZE,
    TACIT_PLATFORM_REPLY_HEADER = 12,
    TACIT_PLATFORM_COLLATERAL_PARTS = 6,

    /*  What follows the challenge in a hello, up to the configuration.  */
    TACIT_PLATFORM_HELLO_SELF = 32 + 32 + 2 + 2 + 1 + 1 + 2,
    TACIT_PLATFORM_REFUSAL_SIZE = TACIT_ERROR_MESSAGE_MAX + TACIT_ERROR_CLAIM_MAX +
                                  2 * TACIT_ERROR_VALUE_MAX + TACIT_ERROR_REMEDY_MAX,

    TACIT_PLATFORM_QUOTE_REQUEST = 4 + 64,
    TACIT_PLATFORM_KEY_REQUEST = 2 + 2 + 32,
    TACIT_PLATFORM_READ_REQUEST = 32,
    TACIT_PLATFORM_ADVANCE_REQUEST = 32 + 8,
    TACIT_PLATFORM_MOVE_REQUEST = 32 + 8 + 8,

    TACIT_PLATFORM_REQUEST_MAX = TACIT_PLATFORM_REQUEST_HEADER + 128, /* bytes of any request */
    TACIT_PLATFORM_REPLY_MAX = 64 * 1024                              /* bytes of any reply */
};

_Static_assert(TACIT_PLATFORM_REPLY_HEADER + TACIT_PLATFORM_CHALLENGE_SIZE +
                       TACIT_PLATFORM_HELLO_SELF + TACIT_CONFIGURATION_TEXT_MAX <=
                   TACIT_PLATFORM_REPLY_MAX,
               "a hello fits a reply");
_Static_assert(TACIT_PLATFORM_REPLY_HEADER + TACIT_QUOTE_MAX <= TACIT_PLATFORM_REPLY_MAX,
               "a quote fits a reply");

typedef enum tacit_platform_operation {
    TACIT_PLATFORM_HELLO = 1, /* a reply that no request precedes */
    TACIT_PLATFORM_QUOTE = 2,
    TACIT_PLATFORM_COLLATERAL = 3,
    TACIT_PLATFORM_SEALING_KEY = 4,
    TACIT_PLATFORM_COUNTER_READ = 5,
    TACIT_PLATFORM_COUNTER_ADVANCE = 6,
    TACIT_PLATFORM_COUNTER_MOVE = 7
} tacit_platform_operation_t;

#endif
