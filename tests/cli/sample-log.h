/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Logs for tests, as workers and primaries write them.
 */
#pragma once

#include "muster-encoder-private.h"

#define SAMPLE_TIME G_GUINT64_CONSTANT (1714564800000000000) /* 2024-05-01T12:00:00Z */

/* The stream's id is @n sixteen times. */
void sample_add_origin (GByteArray *log, guint n, const char *worker, guint64 first_seq);
void sample_add_parts (GByteArray *log, const MusterRecordParts *parts);
void sample_add_record (GByteArray *log, MusterLevel level, guint64 time_ns, const char *domain, const char *message);
/* @count records "record N", one for each second from SAMPLE_TIME on, where N is the number that @first_seq counts. */
void sample_add_records (GByteArray *log, guint64 first_seq, guint count);
/* The last entry of a worker's stream; what a primary says when it starts a worker; the last entry of its own. */
void sample_add_exit (GByteArray *log);
void sample_add_started (GByteArray *log, guint n, const char *worker, guint pid);
void sample_add_stop (GByteArray *log);
/* An entry of a kind that nobody knows. */
void sample_add_unknown (GByteArray *log);
