/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-prometheus-name.h"

G_BEGIN_DECLS

/*
 * A family: all series of one name and type. Not thread-safe.
 */
typedef struct
{
  MusterPrometheusType type;
  char *base;        /* owned; what its ids say it is called */
  char *name;        /* owned; what it is called, once families have been named; no other family of them is */
  GPtrArray *series; /* owned; of what the owner of the families puts there */
} MusterPrometheusFamily;

typedef struct _MusterPrometheusFamilies MusterPrometheusFamilies;

MusterPrometheusFamilies *muster_prometheus_families_new (void);
void muster_prometheus_families_free (MusterPrometheusFamilies *families);

/* A name that is taken, before all families; with the names of the samples that a family of that type has. */
void muster_prometheus_families_reserve (MusterPrometheusFamilies *families, const char *name,
                                         MusterPrometheusType type);

/* The family of that type and base; a new one where there is none. */
MusterPrometheusFamily *muster_prometheus_families_get (MusterPrometheusFamilies *families, const char *base,
                                                        MusterPrometheusType type);
/* It has no series any more. */
void muster_prometheus_families_remove (MusterPrometheusFamilies *families, MusterPrometheusFamily *family);

/*
 * All families, in order of type and base, named: by its base, unless a family before it, or one of its samples, is
 * called that. Such a one gets what it was put behind it (`_set`), and a number if that is not enough. So names depend on
 * which families there are, and not on which came first. Borrowed until the next call of any function.
 */
GPtrArray *muster_prometheus_families_list (MusterPrometheusFamilies *families);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPrometheusFamilies, muster_prometheus_families_free)

G_END_DECLS
