/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

#include "muster-transport.h"

typedef struct
{
  MusterTransport parent_instance;
} MockFailing;

typedef MusterTransportClass MockFailingClass;

GType mock_failing_get_type (void);
G_DEFINE_TYPE (MockFailing, mock_failing, MUSTER_TYPE_TRANSPORT)

static gboolean
mock_failing_start (MusterTransport *self, GError **error)
{
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "there is nowhere to go");
  return FALSE;
}

static MusterWriteResult
mock_failing_write (MusterTransport *self, MusterBatch *batch, GError **error)
{
  g_assert_not_reached ();
}

static void
mock_failing_class_init (MockFailingClass *class)
{
  class->start = mock_failing_start;
  class->write = mock_failing_write;
}

static void
mock_failing_init (MockFailing *self)
{
}

MUSTER_PLUGIN_DEFINE ("transport-fails", "1", "Never starts", "MIT",
                      { MUSTER_PLUGIN_TRANSPORT, "failing", mock_failing_get_type });
