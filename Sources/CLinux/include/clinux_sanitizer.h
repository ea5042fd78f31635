/// The thread sanitizer of a program whose libraries it doesn't know: it sees their allocations and copies, but not what
/// orders them, and takes them for races. While a thread runs a library's own code they are passed over; what orders the
/// program's own accesses is still seen. Nothing happens without the sanitizer, or where this code itself is built with it.
#ifndef CLINUX_SANITIZER_H
#define CLINUX_SANITIZER_H

/// The thread enters the library's own code. Nests.
void clinux_enter_own_code(void);
void clinux_leave_own_code(void);

/// The thread calls the program from inside the library. The answer is for the return.
unsigned clinux_enter_program(void);
void clinux_leave_program(unsigned depth);

#endif
