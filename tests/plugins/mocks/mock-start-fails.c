/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

#include "mock-format.h"

typedef struct
{
  MusterFormat parent_instance;
} MockFailing;

typedef MusterFormatClass MockFailingClass;

GType mock_failing_get_type (void);
G_DEFINE_TYPE (MockFailing, mock_failing, MUSTER_TYPE_FORMAT)

static gboolean
mock_failing_start (MusterFormat *self, GError **error)
{
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "nothing pleases this format");
  return FALSE;
}

static void
mock_failing_class_init (MockFailingClass *class)
{
  class->start = mock_failing_start;
  class->format_entry = mock_format_entry;
}

static void
mock_failing_init (MockFailing *self)
{
}

MUSTER_PLUGIN_DEFINE ("start-fails", "1", "Never starts", "MIT",
                      { MUSTER_PLUGIN_FORMAT, "failing", mock_failing_get_type });
