/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-level.h"

/* What may have a colour of its own. The levels come last, in the order of MusterLevel. */
typedef enum
{
  MUSTER_TEXT_ROLE_NONE, /* never coloured */
  MUSTER_TEXT_ROLE_TIME,
  MUSTER_TEXT_ROLE_WORKER,
  MUSTER_TEXT_ROLE_PID,
  MUSTER_TEXT_ROLE_HOST,
  MUSTER_TEXT_ROLE_DOMAIN,
  MUSTER_TEXT_ROLE_MESSAGE,
  MUSTER_TEXT_ROLE_FIELDS,
  MUSTER_TEXT_ROLE_LOCATION,
  MUSTER_TEXT_ROLE_EMERGENCY,
  MUSTER_TEXT_ROLE_DEBUG = MUSTER_TEXT_ROLE_EMERGENCY + MUSTER_LEVEL_DEBUG - MUSTER_LEVEL_EMERGENCY,
  MUSTER_TEXT_N_ROLES,
  MUSTER_TEXT_ROLE_LEVEL = MUSTER_TEXT_N_ROLES, /* the role of the record's level */
} MusterTextRole;

/*
 * MusterTextTheme: the colours of a line's parts. A set of pairs, key and value; the keys are `time`, `worker`, `pid`,
 * `host`, `domain`, `message`, `fields`, `location` and the levels' names.
 *
 * A value is any of these words with blanks or commas between: a colour (`black` `red` `green` `yellow` `blue` `magenta` `cyan`
 * `white`, each also `bright-`; 0 to 255; `#rrggbb`), an attribute (`bold` `dim` `italic` `underline` `reverse`), `none`.
 * `message=level` gives messages their level's colour (it may stand for any key but the levels').
 */
typedef struct _MusterTextTheme MusterTextTheme;

/* A built-in theme: "none", "onedark", "afterglow", "bricks", "terminal"; NULL with INVALID for another name. */
MusterTextTheme *muster_text_theme_new (const char *name, GError **error);
void muster_text_theme_free (MusterTextTheme *theme);
gboolean muster_text_theme_is_built_in (const char *name);

/* Sets one pair, as a line of a keyfile's [theme NAME] group has it. */
gboolean muster_text_theme_set (MusterTextTheme *theme, const char *key, const char *value, GError **error);

/* Sets many: "key=value;key=value". */
gboolean muster_text_theme_set_all (MusterTextTheme *theme, const char *pairs, GError **error);

/* The control sequence that starts the colour of @role, for a record of @level; empty for none. */
const char *muster_text_theme_get (const MusterTextTheme *theme, MusterTextRole role, MusterLevel level);

/* Whether the sequence for @role depends on the record's level. */
gboolean muster_text_theme_follows_level (const MusterTextTheme *theme, MusterTextRole role);

/* What ends every colour. */
#define MUSTER_TEXT_THEME_RESET "\033[0m"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTextTheme, muster_text_theme_free)
