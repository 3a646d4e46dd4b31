/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One value of a keyfile: escapes are those of GKeyFile (g_key_file_parse_value_as_string() in GLib's gkeyfile.c), with
 * `\#` added; `;` cuts a list; `${VAR}` and `${VAR:-default}` come from the environment, and what they bring in is taken
 * as it is, so that no variable can cut a list or begin an escape. Any thread that may call getenv().
 */
#include "config.h"

#include <string.h>

#include "muster-keyfile-private.h"

typedef struct
{
  const char *in, *end;
  GString *value;   /* owned: all of it */
  GString *element; /* owned: of the list, so far */
  gsize solid;      /* how much of the element must not be stripped */
  GPtrArray *list;  /* owned, of char * */
  char *problem;    /* owned, nullable */
} Scanner;

static gboolean
fail (Scanner *scanner, char *problem)
{
  scanner->problem = problem;
  return FALSE;
}

static void
put (Scanner *scanner, const char *text, gsize length)
{
  g_string_append_len (scanner->value, text, (gssize) length);
  g_string_append_len (scanner->element, text, (gssize) length);
  scanner->solid = scanner->element->len;
}

static void
put_blank (Scanner *scanner, char c)
{
  g_string_append_c (scanner->value, c);
  if (scanner->solid > 0)
    g_string_append_c (scanner->element, c);
}

static void
end_element (Scanner *scanner)
{
  g_string_truncate (scanner->element, scanner->solid);
  g_ptr_array_add (scanner->list, g_strdup (scanner->element->str));
  g_string_truncate (scanner->element, 0);
  scanner->solid = 0;
}

static gboolean
scan_escape (Scanner *scanner, GString *out)
{
  static const char escaped[] = "sntr\\;#", meant[] = " \n\t\r\\;#";
  const char *which;

  if (scanner->in == scanner->end)
    return fail (scanner, g_strdup ("ends with a backslash; expected the whole value on one line, and \\\\ for a "
                                    "backslash"));
  which = memchr (escaped, *scanner->in, strlen (escaped));
  if (which == NULL)
    return fail (scanner, g_strdup_printf ("unknown escape '\\%.*s'; expected one of \\s \\n \\t \\r \\\\ \\; \\#",
                                           (int) (g_utf8_next_char (scanner->in) - scanner->in), scanner->in));
  scanner->in++;
  g_string_append_c (out, meant[which - escaped]);
  return TRUE;
}

/* What follows `:-`, up to the brace. */
static gboolean
scan_default (Scanner *scanner, GString *out)
{
  while (scanner->in < scanner->end && *scanner->in != '}')
    {
      char c = *scanner->in++;

      if (c != '\\')
        g_string_append_c (out, c);
      else if (scanner->in < scanner->end && *scanner->in == '}')
        g_string_append_c (out, *scanner->in++);
      else if (!scan_escape (scanner, out))
        return FALSE;
    }
  return TRUE;
}

static gboolean
put_variable (Scanner *scanner, const char *name, const char *fallback)
{
  const char *value = g_getenv (name);

  if ((value == NULL || *value == '\0') && fallback != NULL)
    value = fallback;
  if (value == NULL)
    return fail (scanner, g_strdup_printf ("the environment variable '%s' is not set; expected it to be, or a default: "
                                           "${%s:-default}",
                                           name, name));
  if (!g_utf8_validate (value, -1, NULL))
    return fail (scanner, g_strdup_printf ("the environment variable '%s' is not text in UTF-8", name));
  put (scanner, value, strlen (value));
  return TRUE;
}

/* After the `$`. */
static gboolean
scan_variable (Scanner *scanner)
{
  g_autoptr (GString) fallback = NULL;
  g_autofree char *name = NULL;
  const char *start;

  if (scanner->in < scanner->end && *scanner->in == '$')
    {
      put (scanner, scanner->in++, 1);
      return TRUE;
    }
  if (scanner->in == scanner->end || *scanner->in != '{')
    return fail (scanner, g_strdup ("a '$' by itself; expected ${VARIABLE}, ${VARIABLE:-default}, or $$ for a $"));
  start = ++scanner->in;
  while (scanner->in < scanner->end && (g_ascii_isalnum (*scanner->in) || *scanner->in == '_'))
    scanner->in++;
  name = g_strndup (start, (gsize) (scanner->in - start));
  if (scanner->end - scanner->in >= 2 && strncmp (scanner->in, ":-", 2) == 0)
    {
      scanner->in += 2;
      fallback = g_string_new (NULL);
      if (!scan_default (scanner, fallback))
        return FALSE;
    }
  if (scanner->in == scanner->end || *scanner->in != '}' || *name == '\0' || g_ascii_isdigit (*name))
    return fail (scanner, g_strdup ("a malformed variable; expected ${VARIABLE} or ${VARIABLE:-default}, the name of "
                                    "letters, digits and _"));
  scanner->in++;
  return put_variable (scanner, name, fallback != NULL ? fallback->str : NULL);
}

static gboolean
scan (Scanner *scanner)
{
  g_autoptr (GString) escaped = g_string_new (NULL);

  while (scanner->in < scanner->end)
    {
      char c = *scanner->in++;

      if (c == '\\')
        {
          g_string_truncate (escaped, 0);
          if (!scan_escape (scanner, escaped))
            return FALSE;
          put (scanner, escaped->str, escaped->len);
        }
      else if (c == '$')
        {
          if (!scan_variable (scanner))
            return FALSE;
        }
      else if (c == ';')
        {
          g_string_append_c (scanner->value, c);
          end_element (scanner);
        }
      else if (c == ' ' || c == '\t')
        put_blank (scanner, c);
      else
        put (scanner, &c, 1);
    }
  return TRUE;
}

gboolean
muster_keyfile_value_parse (const char *raw, gsize length, char **value, char ***list, char **problem)
{
  Scanner scanner = { .in = raw, .end = raw + length };
  gboolean good;

  scanner.value = g_string_sized_new (length);
  scanner.element = g_string_new (NULL);
  scanner.list = g_ptr_array_new_with_free_func (g_free);
  good = scan (&scanner);
  if (scanner.solid > 0 || (scanner.value->len > 0 && raw[length - 1] != ';'))
    end_element (&scanner); /* the last `;` may stand or not; nothing at all is an empty list */
  g_ptr_array_add (scanner.list, NULL);
  if (good)
    {
      *value = g_strdup (scanner.value->str);
      *list = g_strdupv ((char **) scanner.list->pdata);
    }
  else
    *problem = scanner.problem;
  g_string_free (scanner.value, TRUE);
  g_string_free (scanner.element, TRUE);
  g_ptr_array_unref (scanner.list);
  return good;
}
