/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text of strangers, for a line of ours.
 */
#include "config.h"

#include "muster-network-text.h"

/* Where it may be cut: not amidst a character. */
static gsize
get_length (const char *bytes, gsize size)
{
  gsize length = MIN (size, MUSTER_NETWORK_TEXT_MAX);

  for (guint i = 0; i < 3 && length < size && length > 0 && (bytes[length] & 0xc0) == 0x80; i++)
    length--;
  return length;
}

/* Controls, what turns the direction of writing, what ends a line or a paragraph. */
static gboolean
is_shown (gunichar character)
{
  switch (g_unichar_type (character))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return FALSE;
    default:
      return TRUE;
    }
}

char *
muster_network_text_tame (gconstpointer bytes, gsize size)
{
  gsize length = bytes != NULL ? get_length (bytes, size) : 0;
  g_autofree char *valid = g_utf8_make_valid (length > 0 ? bytes : "", (gssize) length);
  GString *text = g_string_sized_new (length);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_unichar (text, is_shown (g_utf8_get_char (p)) ? g_utf8_get_char (p) : ' ');
  if (bytes != NULL && length < size)
    g_string_append (text, "...");
  return g_string_free (text, FALSE);
}
