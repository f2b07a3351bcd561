/*  no_code.c - a seccomp filter; see no_code.h.  */

#include "enclave/no_code.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { S_FIRST_FOREIGN = 0x40000000 }; /* calls of the x32 ABI */
#define S_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
enum { S_FIRST_FOREIGN = 0x7fffffff };
#define S_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no_code.c knows no audit number of this architecture"
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/*  The low half of an argument: all flags are in it.  */
#define ARGUMENT(i) (offsetof(struct seccomp_data, args) + (i) * sizeof(uint64_t))
/*  Where the call is that one: refuse it if the argument has any of the bits, else allow it.  */
#define REFUSE(call, argument, bits)                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(call), 0, 4), LOAD(ARGUMENT(argument)),         \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), RETURN(SECCOMP_RET_ERRNO | EPERM),     \
        RETURN(SECCOMP_RET_ALLOW)

enum { S_READ_IMPLIES_EXEC = 0x0400000 };

tacit_status_t tacit_process_forbid_code(tacit_error_t *ret_error)
{
    struct sock_filter rules[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, S_ARCHITECTURE, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, S_FIRST_FOREIGN, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        REFUSE(SYS_mmap, 2, PROT_EXEC),
        REFUSE(SYS_mprotect, 2, PROT_EXEC),
        REFUSE(SYS_pkey_mprotect, 2, PROT_EXEC),
        REFUSE(SYS_shmat, 2, SHM_EXEC),
        REFUSE(SYS_personality, 0, S_READ_IMPLIES_EXEC),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                               "the kernel does not forbid code made at run time (errno %d)",
                               errno);
    }
    return TACIT_OK;
}
