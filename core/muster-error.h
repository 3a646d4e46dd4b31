/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-macros.h"

G_BEGIN_DECLS

/**
 * MUSTER_ERROR:
 *
 * The error domain of everything in Muster; see #MusterError for the codes.
 */
#define MUSTER_ERROR (muster_error_quark ())

/**
 * MusterError:
 * @MUSTER_ERROR_FAILED: something else; the message says what
 * @MUSTER_ERROR_INVALID: input (a keyfile, a value, an argument from outside) is wrong; correct it
 * @MUSTER_ERROR_CORRUPT: bytes are not what they claim to be; what was readable has been read
 * @MUSTER_ERROR_NOT_FOUND: a name (plugin, group, worker, file) is not known
 * @MUSTER_ERROR_EXISTS: it is there already (a name twice, a running primary)
 * @MUSTER_ERROR_UNAVAILABLE: not now; the same may succeed later
 * @MUSTER_ERROR_INCOMPATIBLE: built for another version (plugin ABI, protocol, journal)
 *
 * Few codes, chosen by what the caller does about them.
 */
typedef enum
{
  MUSTER_ERROR_FAILED,
  MUSTER_ERROR_INVALID,
  MUSTER_ERROR_CORRUPT,
  MUSTER_ERROR_NOT_FOUND,
  MUSTER_ERROR_EXISTS,
  MUSTER_ERROR_UNAVAILABLE,
  MUSTER_ERROR_INCOMPATIBLE,
} MusterError;

MUSTER_PUBLIC GQuark muster_error_quark (void);

G_END_DECLS
