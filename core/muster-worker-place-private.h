/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-restart-private.h"
#include "muster-worker-life-private.h"

/*
 * MusterWorkerPlace: where a worker belongs ("web-1"). It is filled by one life after another, as the group's rules for
 * restarts want it. The cluster's thread only.
 */
typedef struct _MusterWorkerPlace MusterWorkerPlace;

/* Who has the places. A place may be freed while no process runs in it and it is not busy, `exited` and `spawn_failed`
 * included. */
typedef struct
{
  gboolean (*is_wanted) (const MusterWorkerPlace *place, gpointer user_data); /* a process is to run here */
  guint (*count_undrained) (const MusterWorkerPlace *place, gpointer user_data);
  void (*started) (MusterWorkerPlace *place, gboolean again,
                   gpointer user_data); /* place->life is yours, to be freed */
  /* @life is of this place no longer; what comes next here has been decided. It is to be finished. */
  void (*exited) (MusterWorkerPlace *place, MusterWorkerLife *life, gpointer user_data);
  void (*spawn_failed) (MusterWorkerPlace *place, gpointer user_data);
} MusterWorkerPlaceCallbacks;

/* What all places of a group share; borrowed. */
typedef struct
{
  const MusterWorkerHouse *house;
  const MusterWorkerPlan *plan;
  const MusterWorkerPlaceCallbacks *callbacks;
  gpointer user_data;
} MusterWorkerPlaceShare;

struct _MusterWorkerPlace
{
  const MusterWorkerPlaceShare *share;
  guint number;                 /* from 1 */
  MusterWorkerProcess *process; /* owned reference */
  MusterWorkerLife *life;       /* borrowed; NULL where no process runs */
  gboolean busy;  /* it is about to be decided what comes next; listeners to its process are told meanwhile */
  gboolean begun; /* has been started, or it was tried */
  gboolean again; /* start it when it has ended, whatever the policy says: an operator's wish */

  /*< private >*/
  MusterRestart restart;
  guint incarnation;
  gboolean waits; /* for its old journals to be drained; has been said */
  GSource *timer; /* owned; a start to come, or the settling of one */
};

MusterWorkerPlace *muster_worker_place_new (const MusterWorkerPlaceShare *share, guint number);
void muster_worker_place_free (MusterWorkerPlace *place); /* not its life */

void muster_worker_place_start (MusterWorkerPlace *place);
/* The process of an earlier primary, as muster_worker_life_adopt() has it. */
void muster_worker_place_adopt (MusterWorkerPlace *place, const MusterJournalIdentity *identity, gsize ring_size,
                                const char *journal_path, int pidfd);
void muster_worker_place_stop (MusterWorkerPlace *place);
void muster_worker_place_restart (MusterWorkerPlace *place);
