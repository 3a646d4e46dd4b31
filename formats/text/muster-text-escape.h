/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-text-writer.h"

/*
 * What may not stand in a line as it is, is written so that it can be read back byte for byte:
 *
 *   backslash, LF, CR, TAB          \\  \n  \r  \t
 *   other C0 bytes, DEL             \xNN
 *   C1 characters (C2 80 .. C2 9F), U+2028, U+2029: each of their bytes as \xNN
 *   bytes that are not UTF-8        \xNN
 *   a double quote, inside quotes   \"
 *
 * All else stays. So a line feed ends a record and nothing else does, and no terminal sees a control sequence.
 */
void muster_text_escape (MusterTextWriter *writer, const char *data, gsize length);

/* The same, but each line feed is kept and followed by @indent blanks; one at the very end is left out. */
void muster_text_escape_indented (MusterTextWriter *writer, const char *data, gsize length, guint indent);

/* A key or a value of a field: quoted if it is empty or has a blank, a quote, an equals sign, a backslash or a control
 * byte. */
void muster_text_escape_quoted (MusterTextWriter *writer, const char *data, gsize length);
