/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

typedef enum
{
  MUSTER_CONSOLE_STDOUT = 1, /* the descriptors' own numbers */
  MUSTER_CONSOLE_STDERR = 2,
} MusterConsoleStream;

typedef enum
{
  MUSTER_CONSOLE_COLOR_AUTO,
  MUSTER_CONSOLE_COLOR_ALWAYS,
  MUSTER_CONSOLE_COLOR_NEVER,
} MusterConsoleColor;

#define MUSTER_TYPE_CONSOLE_STREAM (muster_console_stream_get_type ())
GType muster_console_stream_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_CONSOLE_COLOR (muster_console_color_get_type ())
GType muster_console_color_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_TRANSPORT_CONSOLE (muster_transport_console_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportConsole, muster_transport_console, MUSTER, TRANSPORT_CONSOLE, MusterTransport)
