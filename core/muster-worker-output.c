/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What one process of a worker prints. The cluster's thread only.
 */
#include "config.h"

#include "muster-worker-output-private.h"

#include "muster-capture-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STDERR_TAIL_LINES 20
#define STDERR_TAIL_WIDTH 1024 /* bytes of each line, so that the end record is far from an entry's most */

static const char *const output_names[2] = { "stdout", "stderr" };

struct _MusterWorkerOutput
{
  const MusterWorkerHouse *house;
  const MusterWorkerPlan *plan;
  MusterWorkerProcess *process; /* borrowed */
  char *stem;                   /* owned */
  guint pid;
  char *fifo_paths[2]; /* owned, nullable: stdout, stderr */
  MusterCapture *captures[2];
  GQueue tail; /* of char *: the last lines of stderr */
};

MusterWorkerOutput *
muster_worker_output_new (const MusterWorkerHouse *house, const MusterWorkerPlan *plan, MusterWorkerProcess *process,
                          const char *stem)
{
  MusterWorkerOutput *output = g_new0 (MusterWorkerOutput, 1);

  output->house = house;
  output->plan = plan;
  output->process = process;
  output->stem = g_strdup (stem);
  return output;
}

static void
close_outputs (MusterWorkerOutput *output)
{
  for (int i = 0; i < 2; i++)
    {
      g_clear_pointer (&output->captures[i], muster_capture_free);
      if (output->fifo_paths[i] != NULL)
        unlink (output->fifo_paths[i]);
      g_clear_pointer (&output->fifo_paths[i], g_free);
    }
}

void
muster_worker_output_free (MusterWorkerOutput *output)
{
  if (output == NULL)
    return;
  close_outputs (output);
  g_queue_clear_full (&output->tail, g_free);
  g_free (output->stem);
  g_free (output);
}

/* -- lines --------------------------------------------------------------------------------------- */

void
muster_worker_output_keep (MusterWorkerOutput *output, const char *line, gsize length)
{
  if (output->tail.length == STDERR_TAIL_LINES)
    g_free (g_queue_pop_head (&output->tail));
  g_queue_push_tail (&output->tail, g_utf8_make_valid (line, (gssize) MIN (length, STDERR_TAIL_WIDTH)));
}

char *
muster_worker_output_join_tail (MusterWorkerOutput *output)
{
  GString *text = g_string_new (NULL);

  for (GList *l = output->tail.head; l != NULL; l = l->next)
    g_string_append_printf (text, "%s%s", l->prev != NULL ? "\n" : "", (const char *) l->data);
  return g_string_free (text, FALSE);
}

static void
log_line (MusterWorkerOutput *output, MusterLevel level, int which, const char *line, gsize length)
{
  if (level != MUSTER_LEVEL_NONE)
    muster_logger_log_captured (output->house->logger, level, output->process->id, output->pid, output_names[which],
                                line, length);
}

static void
stdout_line_cb (MusterLevel level, const char *line, gsize length, gpointer user_data)
{
  log_line (user_data, level, 0, line, length);
}

static void
stderr_line_cb (MusterLevel level, const char *line, gsize length, gpointer user_data)
{
  muster_worker_output_keep (user_data, line, length);
  log_line (user_data, level, 1, line, length);
}

static MusterCapture *
capture (MusterWorkerOutput *output, int i, int fd)
{
  const MusterWorkerGroup *group = output->plan->group; /* NULL where nothing is known of it any more */

  if (i == 0)
    return muster_capture_new (fd, group != NULL ? group->stdout_level : MUSTER_LEVEL_INFO, stdout_line_cb, output);
  return muster_capture_new (fd, group != NULL ? group->stderr_level : MUSTER_LEVEL_WARNING, stderr_line_cb, output);
}

/* -- the FIFOs ----------------------------------------------------------------------------------- */

static char *
make_path (const MusterWorkerOutput *output, int i)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", output->stem, output_names[i]);

  return g_build_filename (muster_runtime_dir_get_fifos (output->house->runtime_dir), name, NULL);
}

gboolean
muster_worker_output_make (MusterWorkerOutput *output, int write_fds[2], GError **error)
{
  const MusterWorkerCommand *command = output->plan->command;

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *path = make_path (output, i);
      int read_fd = -1;

      if (!muster_capture_make_fifo (path, &read_fd, &write_fds[i], error))
        return FALSE;
      /* So that it can open its /dev/stderr, which many programs are told to log to. */
      if (command->change_user && fchown (write_fds[i], command->uid, (gid_t) -1) != 0)
        muster_warning (output->house->logger, "%s: cannot give it its %s: %s", output->process->id, output_names[i],
                        g_strerror (errno));
      output->fifo_paths[i] = g_steal_pointer (&path);
      output->captures[i] = capture (output, i, read_fd);
    }
  return TRUE;
}

void
muster_worker_output_reopen (MusterWorkerOutput *output, gboolean alive)
{
  for (int i = 0; i < 2; i++)
    {
      int fd = -1;

      output->fifo_paths[i] = make_path (output, i);
      if (alive)
        fd = open (output->fifo_paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
      if (fd >= 0)
        output->captures[i] = capture (output, i, fd);
      else if (alive)
        muster_warning (output->house->logger, "%s: cannot hear its %s any more: open the FIFO %s: %s",
                        output->process->id, output_names[i], output->fifo_paths[i], g_strerror (errno));
    }
}

void
muster_worker_output_attach (MusterWorkerOutput *output, guint pid)
{
  output->pid = pid;
  for (int i = 0; i < 2; i++)
    if (output->captures[i] != NULL)
      muster_capture_attach (output->captures[i], output->house->context);
}

gboolean
muster_worker_output_finish (MusterWorkerOutput *output)
{
  for (int i = 0; i < 2; i++)
    if (output->captures[i] != NULL)
      muster_capture_finish (output->captures[i]);
  close_outputs (output);
  return output->tail.length > 0;
}
