// Runs a program where no memory may be both writable and executable, or become executable: with the filter that
// systemd's MemoryDenyWriteExecute installs, or by the kernel's own switch.
//
//     mdwe seccomp|prctl PROGRAM ARGUMENT…
//
// 77: the kernel has no such switch. 78: it can't be had. 79: it doesn't hold.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSED ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define ALLOWED ANSWER(SECCOMP_RET_ALLOW)
/// Refuses a call whose argument has all of these bits.
#define REFUSE(call, argument, bits)                                                                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 5), LOAD(ARGUMENT(argument)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits), \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1), REFUSED, ALLOWED

static int filter(void) {
    struct sock_filter code[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        ALLOWED,
        LOAD(offsetof(struct seccomp_data, nr)),
        REFUSE(SYS_mmap, 2, PROT_EXEC | PROT_WRITE),
        REFUSE(SYS_mprotect, 2, PROT_EXEC),
        REFUSE(SYS_pkey_mprotect, 2, PROT_EXEC),
        REFUSE(SYS_shmat, 2, SHM_EXEC),
        ALLOWED,
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 78;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? 78 : 0;
}

static int forbid(const char *how) {
    if (strcmp(how, "seccomp") == 0) return filter();
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0) return 0;
    return errno == EINVAL ? 77 : 78;
}

int main(int count, char **arguments) {
    if (count < 3) return 78;
    const int status = forbid(arguments[1]);
    if (status) return status;
    void *both = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *writable = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both != MAP_FAILED || mprotect(writable, 4096, PROT_READ | PROT_EXEC) == 0) return 79;
    execvp(arguments[2], arguments + 2);
    perror(arguments[2]);
    return 78;
}
