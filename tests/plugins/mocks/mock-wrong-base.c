/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

#include "mock-format.h"

typedef struct
{
  MusterFormat parent_instance;
} MockWrong;

typedef MusterFormatClass MockWrongClass;

GType mock_wrong_get_type (void);
G_DEFINE_TYPE (MockWrong, mock_wrong, MUSTER_TYPE_FORMAT)

static void
mock_wrong_class_init (MockWrongClass *class)
{
  class->format_entry = mock_format_entry;
}

static void
mock_wrong_init (MockWrong *self)
{
}

MUSTER_PLUGIN_DEFINE ("wrong-base", "1", "Says that a format is a transport", "MIT",
                      { MUSTER_PLUGIN_FORMAT, "right", mock_wrong_get_type },
                      { MUSTER_PLUGIN_TRANSPORT, "wrong", mock_wrong_get_type });
