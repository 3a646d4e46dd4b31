/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How bad a record is. Constant tables; any thread.
 */
#include "config.h"

#include "muster-level.h"

static const char *const names[] = {
  "none", "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug",
};

/* What people type, for the names above; syslog.conf(5) and systemd know these. */
static const struct
{
  const char *name;
  MusterLevel level;
} aliases[] = {
  { "emerg", MUSTER_LEVEL_EMERGENCY }, { "panic", MUSTER_LEVEL_EMERGENCY }, { "crit", MUSTER_LEVEL_CRITICAL },
  { "err", MUSTER_LEVEL_ERROR },       { "warn", MUSTER_LEVEL_WARNING },    { "information", MUSTER_LEVEL_INFO },
};

/**
 * muster_level_to_string:
 * @level: a level
 *
 * The level's name: "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug".
 *
 * Returns: (transfer none): the name; "unknown" for a number that is no level
 * Since: 0.1
 */
const char *
muster_level_to_string (MusterLevel level)
{
  return (guint) level < G_N_ELEMENTS (names) ? names[level] : "unknown";
}

/**
 * muster_level_from_string:
 * @name: a level's name or one of the abbreviations of syslog.conf(5), in any case
 * @level: (out): where the level goes
 *
 * The reverse of muster_level_to_string().
 *
 * Returns: whether @name is a level
 * Since: 0.1
 */
gboolean
muster_level_from_string (const char *name, MusterLevel *level)
{
  g_return_val_if_fail (name != NULL && level != NULL, FALSE);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (name, names[i]) == 0)
      {
        *level = (MusterLevel) i;
        return TRUE;
      }
  for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
    if (g_ascii_strcasecmp (name, aliases[i].name) == 0)
      {
        *level = aliases[i].level;
        return TRUE;
      }
  return FALSE;
}
