/// Names of errors.
#ifndef CLINUX_ERROR_H
#define CLINUX_ERROR_H

/// The name of an errno, such as `ECONNREFUSED`, or NULL where it has none.
const char *clinux_errno_name(int number);

#endif
