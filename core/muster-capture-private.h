/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "muster-level.h"

/*
 * MusterCapture: what a program prints, line by line.
 *
 * A line may begin with `<N>`, N being 0 to 7, which sets its level as for systemd services (sd-daemon(3)) and is taken
 * off. A line longer than MUSTER_CAPTURE_LINE_MAX comes in pieces, all of the same level. One thread.
 */
typedef struct _MusterCapture MusterCapture;

#define MUSTER_CAPTURE_LINE_MAX (60 * 1024)

/* @line is borrowed, has no newline and no level, and may hold any bytes. */
typedef void (*MusterCaptureFunc) (MusterLevel level, const char *line, gsize length, gpointer user_data);

/* Makes a FIFO at @path (mode 0600), large as the system allows up to 1 MiB: @read_fd for the capture, @write_fd for
 * the program, which must hold it open for reading too: else it would die of SIGPIPE after the reader. */
gboolean muster_capture_make_fifo (const char *path, int *read_fd, int *write_fd, GError **error);

/* Takes over @fd, which must not block. */
MusterCapture *muster_capture_new (int fd, MusterLevel level, MusterCaptureFunc func, gpointer user_data);
void muster_capture_free (MusterCapture *capture); /* what is unread is lost: see muster_capture_finish() */
/* Reads a bounded piece in each turn of @context's loop, until the end of file. */
void muster_capture_attach (MusterCapture *capture, GMainContext *context);
/* The writer is dead: reads what is there, gives a last line without newline too, and closes. */
void muster_capture_finish (MusterCapture *capture);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterCapture, muster_capture_free)
