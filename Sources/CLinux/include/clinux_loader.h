/// The dynamic loader: dlopen's neighbours dladdr and dlinfo, ELF constants.
#ifndef CLINUX_LOADER_H
#define CLINUX_LOADER_H

#endif
