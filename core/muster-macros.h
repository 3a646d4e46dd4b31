/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * MUSTER_PUBLIC:
 *
 * Marks what `libmuster-1` exports; everything else is hidden.
 */
#define MUSTER_PUBLIC __attribute__ ((visibility ("default"))) extern
