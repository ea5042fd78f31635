/// What Swift can't import from Linux: raw system calls of fixed arity, `sys/` declarations that Glibc's module
/// leaves out, and what must run between fork and exec. One header a subject.
#ifndef CLINUX_H
#define CLINUX_H

#include "clinux_crash.h"
#include "clinux_diag.h"
#include "clinux_error.h"
#include "clinux_event.h"
#include "clinux_file.h"
#include "clinux_fork.h"
#include "clinux_handoff.h"
#include "clinux_loader.h"
#include "clinux_netlink.h"
#include "clinux_process.h"
#include "clinux_sanitizer.h"
#include "clinux_socket.h"
#include "clinux_thread.h"
#include "clinux_watch.h"

#endif
