/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin's descriptor.
 */
#include "config.h"

#include "muster-format-text.h"
#include "muster-plugin.h"

MUSTER_PLUGIN_DEFINE ("text", MUSTER_VERSION, "Readable lines, as a pattern and a theme say", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_FORMAT, "text", muster_format_text_get_type });
