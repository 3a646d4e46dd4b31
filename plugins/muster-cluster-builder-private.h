/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-cluster.h"
#include "muster-keyfile-private.h"
#include "muster-object-config-private.h"
#include "muster-registry.h"

/* What is at hand while a cluster is built from a keyfile. */
typedef struct
{
  MusterRegistry *registry;
  MusterKeyfile *keyfile;
  MusterProblems *problems; /* the keyfile's */
  MusterCluster *cluster;   /* owned, nullable: none where [muster] is wrong */
  GHashTable *formats;      /* owned: what a format= says to owned MusterObjectConfig, NULL where that is wrong */
  GHashTable *bad_colours;  /* owned: a set of borrowed Entry */
  guint n_groups, n_metrics, n_transports, n_sources;
} MusterClusterBuilder;

/* A problem with a group's entry, or with the group where that is NULL. */
void muster_cluster_builder_add_problem (MusterClusterBuilder *builder, const MusterKeyfileGroup *group,
                                         const MusterKeyfileEntry *entry, const char *what);
/* A key that the group must have. */
void muster_cluster_builder_add_missing (MusterClusterBuilder *builder, const MusterKeyfileGroup *group,
                                         const char *key, const char *expected);
/* What an object said of itself; @key may be NULL: where the message begins with a key, that is it. */
void muster_cluster_builder_add_error (MusterClusterBuilder *builder, const MusterKeyfileGroup *group, const char *key,
                                       const GError *error);
/* Sets what the group says, but for @special keys, which the caller looks after; FALSE if something is wrong with any. */
gboolean muster_cluster_builder_fill (MusterClusterBuilder *builder, const MusterKeyfileGroup *group,
                                      MusterObjectConfig *config, const char *const *special);
/* The configuration of a group with a `type=`; NULL if that is wrong. @good: whether all the other keys are right;
 * @special keys are the caller's. */
MusterObjectConfig *muster_cluster_builder_configure (MusterClusterBuilder *builder, const MusterKeyfileGroup *group,
                                                      MusterPluginKind kind, const char *const *special,
                                                      gboolean *good);

/* `metric-kinds` of [muster]. FALSE if one of them is not to be had. */
gboolean muster_cluster_builder_load_kinds (MusterClusterBuilder *builder, const MusterKeyfileGroup *group);

/* [theme NAME] and [format NAME]. */
void muster_cluster_builder_build_theme (MusterClusterBuilder *builder, const MusterKeyfileGroup *group);
void muster_cluster_builder_build_format (MusterClusterBuilder *builder, const MusterKeyfileGroup *group);
/* The format of a transport's group, if it names one: an object of its own. FALSE if the key is wrong, or the format. */
gboolean muster_cluster_builder_create_format (MusterClusterBuilder *builder, const MusterKeyfileGroup *group,
                                               MusterFormat **format);
