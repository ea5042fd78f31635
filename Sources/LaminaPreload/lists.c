// getaddrinfo_a: every question is answered before the call returns, on the caller's thread, so that none is pending
// when gai_error, gai_suspend and gai_cancel, which are libc's, look at it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <unistd.h>

#include "calls.h"
#include "run.h"

typedef int (*lister)(int, struct gaicb **, int, struct sigevent *);

static void notify(const struct sigevent *event) {
    if (!event || event->sigev_notify != SIGEV_SIGNAL) return;
    siginfo_t information = {0};
    information.si_signo = event->sigev_signo;
    information.si_code = SI_ASYNCNL;
    information.si_pid = (pid_t)call3(SYS_getpid, 0, 0, 0);
    information.si_uid = (uid_t)call3(SYS_getuid, 0, 0, 0);
    information.si_value = event->sigev_value;
    call3(SYS_rt_sigqueueinfo, information.si_pid, event->sigev_signo, (long)&information);
}

__attribute__((visibility("default"))) int getaddrinfo_a(
    int mode, struct gaicb **list, int count, struct sigevent *event) {
    const run *run = current_run();
    if (!run->known) {
        lister libc = (lister)dlsym(RTLD_NEXT, "getaddrinfo_a");
        return libc ? libc(mode, list, count, event) : EAI_SYSTEM;
    }
    if (mode != GAI_WAIT && mode != GAI_NOWAIT) {
        errno = EINVAL;
        return EAI_SYSTEM;
    }
    // A thread of the program's own is nobody's to start.
    if (mode == GAI_NOWAIT && event && event->sigev_notify == SIGEV_THREAD) {
        errno = ENOSYS;
        return EAI_SYSTEM;
    }
    for (int i = 0; i < count; i++) {
        struct gaicb *question = list[i];
        if (!question) continue;
        question->ar_result = 0;
        question->__return =
            getaddrinfo(question->ar_name, question->ar_service, question->ar_request, &question->ar_result);
    }
    if (mode == GAI_NOWAIT) notify(event);
    return 0;
}
