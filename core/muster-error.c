/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one error domain. Any thread.
 */
#include "config.h"

#include "muster-error.h"

GQuark
muster_error_quark (void)
{
  return g_quark_from_static_string ("muster-error-quark");
}
