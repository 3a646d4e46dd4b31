/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Steady wall-clock time: CLOCK_REALTIME is read once, CLOCK_BOOTTIME counts from there, through suspends too, so that
 * a step of the clock neither doubles nor swallows an interval. Any thread.
 */
#include "config.h"

#include <time.h>

#include "muster-metrics-private.h"
#include "muster-time-base-private.h"

static gint64
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* The two clocks cannot be read at once: the wall clock is read between two readings of the other, and of a few tries
 * the closest counts. */
void
muster_time_base_now (MusterTimeBase *base)
{
  gint64 closest = G_MAXINT64;

  for (int i = 0; i < 4; i++)
    {
      gint64 before = read_clock (CLOCK_BOOTTIME);
      gint64 realtime = read_clock (CLOCK_REALTIME);
      gint64 after = read_clock (CLOCK_BOOTTIME);

      if (after - before >= closest)
        continue;
      closest = after - before;
      base->realtime_ns = realtime;
      base->boottime_ns = before + (after - before) / 2;
    }
}

gint64
muster_time_base_realtime (const MusterTimeBase *base, gint64 boottime_ns)
{
  return base->realtime_ns + (boottime_ns - base->boottime_ns);
}

gint64
muster_time_base_boottime (const MusterTimeBase *base, gint64 realtime_ns)
{
  return base->boottime_ns + (realtime_ns - base->realtime_ns);
}

gint64
muster_time_base_read (const MusterTimeBase *base)
{
  return muster_time_base_realtime (base, read_clock (CLOCK_BOOTTIME));
}

gint64
muster_boundary_at_or_before (gint64 time_ns, gint64 start_time_ns, gint64 interval_ns)
{
  gint64 offset = (time_ns - start_time_ns) % interval_ns;

  return time_ns - (offset < 0 ? offset + interval_ns : offset);
}

gint64
muster_boundary_at_or_after (gint64 time_ns, gint64 start_time_ns, gint64 interval_ns)
{
  gint64 before = muster_boundary_at_or_before (time_ns, start_time_ns, interval_ns);

  return before == time_ns ? time_ns : before + interval_ns;
}
