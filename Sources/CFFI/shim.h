// The system's libffi.
#include <ffi.h>
