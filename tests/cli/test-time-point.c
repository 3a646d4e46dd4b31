/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Moments as people write them.
 */
#include "config.h"

#include "muster-error.h"
#include "time-point.h"

#define NOW_S G_GINT64_CONSTANT (1714564800) /* 2024-05-01T12:00:00Z */
#define NS    G_GUINT64_CONSTANT (1000000000)

typedef struct
{
  const char *text;
  gint64 offset_s; /* from NOW */
  guint64 fraction_ns;
} Example;

/* The local time is two hours ahead of UTC, all year. */
static const Example good[] = {
  { "2024-05-01T12:00:00Z", 0, 0 },
  { "2024-05-01T12:00:00.123456789Z", 0, 123456789 },
  { "2024-05-01T12:00:00,5Z", 0, 500000000 },
  { "2024-05-01T12:00:00.1234567899Z", 0, 123456789 },
  { "2024-05-01T14:00:00+02:00", 0, 0 },
  { "2024-05-01T12:00:00", -7200, 0 },
  { "2024-05-01", -14 * 3600, 0 },
  { "12:00", -7200, 0 },
  { "12:00:30", -7170, 0 },
  { "12:00:30.25", -7170, 250000000 },
  { "-10m", -600, 0 },
  { "-0s", 0, 0 },
  { "-2h", -7200, 0 },
  { "1714564800", 0, 0 },
  { "1714564800.000000001", 0, 1 },
};

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 time_ns = 0;

      g_test_message ("%s", good[i].text);
      g_assert_true (muster_time_point_parse (good[i].text, NOW_S * G_USEC_PER_SEC, &time_ns, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (time_ns, ==, (guint64) (NOW_S + good[i].offset_s) * NS + good[i].fraction_ns);
    }
}

static void
test_bad (void)
{
  const char *const bad[] = { "",        "now",         "25:00",   "2024-13-01", "2024-05-01T",
                              "-10",     "-10 parsecs", "1.2.3.4", "1960-01-01", "99999999999999999999",
                              "-99999d", ":",           "-" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 time_ns = 0;

      g_test_message ("%s", bad[i]);
      g_assert_false (muster_time_point_parse (bad[i], NOW_S * G_USEC_PER_SEC, &time_ns, &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
    }
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC-2", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/time-point/good", test_good);
  g_test_add_func ("/time-point/bad", test_bad);
  return g_test_run ();
}
