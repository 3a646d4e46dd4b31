/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"
#include "muster-level.h"

G_BEGIN_DECLS

/**
 * MUSTER_ENTRY_MAX: (skip)
 *
 * The most bytes that an encoded entry may have, its tag and length included.
 */
#define MUSTER_ENTRY_MAX 65536

/**
 * MUSTER_STREAM_ID_SIZE: (skip)
 *
 * Bytes of a stream's identity.
 */
#define MUSTER_STREAM_ID_SIZE 16

MUSTER_PUBLIC guint muster_stream_id_hash (gconstpointer id);
MUSTER_PUBLIC gboolean muster_stream_id_equal (gconstpointer a, gconstpointer b);

/**
 * MusterEntryKind:
 * @MUSTER_ENTRY_UNKNOWN: a kind that this version does not know; numbered and passed on like any other
 * @MUSTER_ENTRY_ORIGIN: whose entries follow; takes no number
 * @MUSTER_ENTRY_RECORD: one thing said
 * @MUSTER_ENTRY_SNAPSHOT: one process's metrics over one interval
 * @MUSTER_ENTRY_DATASET: the cluster's metrics over one interval
 * @MUSTER_ENTRY_GAP: stands for entries that are missing
 *
 * The field numbers of `muster.v1.Entry`.
 */
typedef enum
{
  MUSTER_ENTRY_UNKNOWN = 0,
  MUSTER_ENTRY_ORIGIN = 1,
  MUSTER_ENTRY_RECORD = 2,
  MUSTER_ENTRY_SNAPSHOT = 3,
  MUSTER_ENTRY_DATASET = 4,
  MUSTER_ENTRY_GAP = 5,
} MusterEntryKind;

/**
 * MusterGapReason:
 * @MUSTER_GAP_UNKNOWN: nobody can tell
 * @MUSTER_GAP_JOURNAL_FULL: the sender's journal had no room
 * @MUSTER_GAP_CORRUPT: bytes did not match their checksum
 * @MUSTER_GAP_RATE_LIMIT: more than was allowed in that time
 * @MUSTER_GAP_SPOOL_FULL: the spool behind the network had no room
 * @MUSTER_GAP_FILTERED: left out of this output by its own filters
 * @MUSTER_GAP_TORN: a log call that had not returned when its process ended
 * @MUSTER_GAP_REFUSED: a transport could not write it, ever
 *
 * Why entries are missing; the values of `muster.v1.Gap.Reason`.
 */
typedef enum
{
  MUSTER_GAP_UNKNOWN = 0,
  MUSTER_GAP_JOURNAL_FULL = 1,
  MUSTER_GAP_CORRUPT = 2,
  MUSTER_GAP_RATE_LIMIT = 3,
  MUSTER_GAP_SPOOL_FULL = 4,
  MUSTER_GAP_FILTERED = 5,
  MUSTER_GAP_TORN = 6,
  MUSTER_GAP_REFUSED = 7,
} MusterGapReason;

MUSTER_PUBLIC const char *muster_gap_reason_to_string (MusterGapReason reason);

/**
 * MusterSlice: (skip)
 * @data: (nullable): borrowed bytes, not NUL-terminated; %NULL where absent
 * @length: how many
 *
 * A piece of somebody else's memory: valid as long as the bytes that it was decoded from.
 */
typedef struct
{
  const char *data;
  gsize length;
} MusterSlice;

/**
 * MusterOrigin: (skip)
 *
 * A decoded `muster.v1.Origin`; the slices borrow from the entry.
 */
typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 first_seq;
  MusterSlice host;
  MusterSlice cluster;
  MusterSlice worker;
  guint32 pid;
} MusterOrigin;

/**
 * MusterEntry: (skip)
 * @kind: what it is
 * @sequence: its number in its stream (of a gap: its first number); 0 for an origin
 * @count: how many numbers it takes: 0 for an origin, a gap's count, else 1
 * @origin: (nullable): whose it is; %NULL before the first origin. Valid until the iterator moves on
 * @bytes: the whole entry with tag and length, as it may be copied into any `muster.v1.Log`
 * @length: of @bytes
 * @body: the message inside: the Record, Gap, ...
 * @body_length: of @body
 *
 * A view of one encoded entry, borrowed from an iterator. Nothing is allocated.
 */
typedef struct
{
  MusterEntryKind kind;
  guint64 sequence;
  guint64 count;
  const MusterOrigin *origin;
  const guint8 *bytes;
  gsize length;
  const guint8 *body;
  gsize body_length;
} MusterEntry;

/**
 * MusterEntryIter: (skip)
 *
 * Walks the entries of a `muster.v1.Log` in memory. Any bytes may be given: what is wrong ends the walk with an error
 * and never reads beyond the end. To be put on the stack; the fields are private.
 */
typedef struct
{
  /*< private >*/
  const guint8 *data;
  gsize length;
  gsize position;
  guint64 next_seq;
  gboolean have_origin;
  MusterOrigin origin;
  const char *error;
} MusterEntryIter;

MUSTER_PUBLIC void muster_entry_iter_init (MusterEntryIter *iter, const void *data, gsize length);
MUSTER_PUBLIC gboolean muster_entry_iter_next (MusterEntryIter *iter, MusterEntry *entry);
MUSTER_PUBLIC gsize muster_entry_iter_get_position (const MusterEntryIter *iter);
MUSTER_PUBLIC gboolean muster_entry_iter_get_error (const MusterEntryIter *iter, GError **error);

/**
 * MusterFieldType: (skip)
 *
 * The field numbers of `muster.v1.Field.value`.
 */
typedef enum
{
  MUSTER_FIELD_NONE = 0,
  MUSTER_FIELD_TEXT = 2,
  MUSTER_FIELD_INTEGER = 3,
  MUSTER_FIELD_NATURAL = 4,
  MUSTER_FIELD_NUMBER = 5,
  MUSTER_FIELD_FLAG = 6,
  MUSTER_FIELD_DATA = 7,
} MusterFieldType;

/**
 * MusterFieldView: (skip)
 *
 * A decoded `muster.v1.Field`: @type says which member of @value holds.
 */
typedef struct
{
  MusterSlice key;
  MusterFieldType type;
  union
  {
    MusterSlice text; /* TEXT and DATA */
    gint64 integer;
    guint64 natural;
    double number;
    gboolean flag;
  } value;
} MusterFieldView;

/**
 * MusterRecordView: (skip)
 * @level: %MUSTER_LEVEL_NONE where the record has none
 * @time_ns: nanoseconds since the Unix epoch
 * @message: the text; valid UTF-8 in what Muster wrote
 * @raw: the message as it came, where it was not valid UTF-8; else absent
 *
 * A decoded `muster.v1.Record`, without its fields, which a #MusterFieldIter walks. Slices borrow from the entry.
 */
typedef struct
{
  MusterLevel level;
  guint64 time_ns;
  MusterSlice domain;
  MusterSlice message;
  MusterSlice file;
  MusterSlice function;
  guint32 line;
  MusterSlice raw;
  MusterSlice payload_type;
  MusterSlice payload;
  gboolean has_fields;
  /*< private >*/
  const guint8 *body;
  gsize body_length;
} MusterRecordView;

/**
 * MusterFieldIter: (skip)
 *
 * Walks the fields of a record. To be put on the stack; the members are private.
 */
typedef struct
{
  /*< private >*/
  const guint8 *position;
  const guint8 *end;
} MusterFieldIter;

MUSTER_PUBLIC gboolean muster_entry_get_record (const MusterEntry *entry, MusterRecordView *record);
MUSTER_PUBLIC MusterLevel muster_entry_peek_level (const MusterEntry *entry);
MUSTER_PUBLIC gboolean muster_entry_get_gap (const MusterEntry *entry, guint64 *count, MusterGapReason *reason);
MUSTER_PUBLIC void muster_field_iter_init (MusterFieldIter *iter, const MusterRecordView *record);
MUSTER_PUBLIC gboolean muster_field_iter_next (MusterFieldIter *iter, MusterFieldView *field);

G_END_DECLS
