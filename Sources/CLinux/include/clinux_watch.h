/// Directories that are watched for changes (inotify).
#ifndef CLINUX_WATCH_H
#define CLINUX_WATCH_H

/// A descriptor that is readable once something has happened in a directory that it watches; close-on-exec and
/// non-blocking. A negative errno if there is none.
int clinux_watch_open(void);

/// Watches a directory, also where it is watched already: entries that come, go or are written. 0 or a negative errno.
int clinux_watch_directory(int descriptor, const char *path);

/// Reads what has happened. 1: something; 0: nothing.
int clinux_watch_drain(int descriptor);

#endif
