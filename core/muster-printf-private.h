/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdarg.h>

/* Formats like vsnprintf(), faster, if the format has only %s %c %d %i %u %x (with l, ll, z and h) and %% without flags,
 * width or precision. Returns the length, which may exceed @room - 1 (then what fits is there, without a NUL; call again
 * with more room), or -1 if the format needs vsnprintf(). Async-signal-safe. */
gssize muster_printf_fast (char *out, gsize room, const char *format, va_list arguments) G_GNUC_PRINTF (3, 0);
