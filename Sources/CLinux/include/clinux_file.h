/// Files, directories and their metadata.
#ifndef CLINUX_FILE_H
#define CLINUX_FILE_H

#endif
