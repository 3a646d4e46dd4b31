/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A kind of metric of one's own: how many values were up to 1, 2, 5, 10 ... 10000, and how many beyond.
 */
#include <muster.h>

static const double bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000 };
static const char *const names[] = { "le1",   "le2",   "le5",    "le10",   "le20",   "le50",    "le100",
                                     "le200", "le500", "le1000", "le2000", "le5000", "le10000", "more" };

/* All of it goes from process to process as it is: no addresses. */
typedef struct
{
  guint64 counts[G_N_ELEMENTS (bounds) + 1]; /* of each bucket by itself */
} Histogram;

static void
update (gpointer state, double value)
{
  Histogram *histogram = state;
  guint i = 0;

  while (i < G_N_ELEMENTS (bounds) && !(value <= bounds[i]))
    i++;
  histogram->counts[i]++;
}

static void
merge (gpointer into, gconstpointer from)
{
  Histogram *histogram = into;
  const Histogram *other = from;

  for (guint i = 0; i < G_N_ELEMENTS (histogram->counts); i++)
    histogram->counts[i] += other->counts[i];
}

static gboolean
validate (gconstpointer state)
{
  const Histogram *histogram = state;

  for (guint i = 0; i < G_N_ELEMENTS (histogram->counts); i++)
    if (histogram->counts[i] > G_MAXUINT64 >> 16) /* more than anybody has counted: that is no histogram */
      return FALSE;
  return TRUE;
}

static void
report (gconstpointer state, MusterMetricReportFunc func, gpointer user_data)
{
  const Histogram *histogram = state;

  for (guint i = 0; i < G_N_ELEMENTS (histogram->counts); i++)
    func (names[i], (double) histogram->counts[i], user_data);
}

static const MusterMetricKind *
get_kind (void)
{
  static const MusterMetricKind kind = {
    .name = "histogram",
    .state_size = sizeof (Histogram),
    .update = update,
    .merge = merge,
    .validate = validate,
    .report = report,
  };

  return &kind;
}

MUSTER_PLUGIN_DEFINE ("histogram", "0.1", "Histograms with fixed bounds, 1 to 10000", "LGPL-2.1-or-later",
                      MUSTER_PLUGIN_METRIC_KIND ("histogram", get_kind));
