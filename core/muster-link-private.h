/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-journal-private.h"

/*
 * The link's frames; docs/protocol.md is the reference. Every message is [header][payload]; integers are little-endian.
 *
 *   offset  size  meaning
 *        0     1  protocol version, MUSTER_LINK_VERSION
 *        1     1  MusterLinkType
 *        2     2  flags
 *        4     4  how many numbers a BATCH takes; else 0
 *        8     8  number: of a BATCH its first; of WELCOME, ACK, NACK and POSITION the next one expected
 *       16     4  drops: of a BATCH, what its journal had refused up to its end, mod 2^32; else 0
 *       20     4  zero
 */
#define MUSTER_LINK_VERSION     1
#define MUSTER_LINK_HEADER_SIZE 24
#define MUSTER_LINK_BATCH_SIZE  65536 /* entries of a batch: no more bytes than this, unless one entry alone has more */
#define MUSTER_LINK_MESSAGE_MAX (4 * MUSTER_LINK_BATCH_SIZE) /* of any frame: who sends more loses the connection */

/* Flags between machines; on the link between a worker and its primary all are 0. */
#define MUSTER_LINK_FLAG_ELSEWHERE (1 << 0) /* HELLO: what is missing may have gone to another receiver */
#define MUSTER_LINK_FLAG_PACKED    (1 << 1) /* HELLO, WELCOME: zstd is understood; BATCH: the payload is a zstd frame */

typedef enum
{
  MUSTER_LINK_HELLO = 1,    /* sender: payload MusterLinkHello */
  MUSTER_LINK_WELCOME = 2,  /* receiver: payload MusterLinkWelcome; send from `number` on */
  MUSTER_LINK_BATCH = 3,    /* sender: payload a muster.v1.Log */
  MUSTER_LINK_ACK = 4,      /* receiver: all before `number` is safe */
  MUSTER_LINK_NACK = 5,     /* receiver: a hole: go back to `number` */
  MUSTER_LINK_RESET = 6,    /* receiver: I do not know you; say HELLO */
  MUSTER_LINK_POSITION = 7, /* sender: my next number; the receiver answers ACK. Each second while unacknowledged */
  MUSTER_LINK_MESSAGE = 8,  /* both: payload GVariant type string, NUL, serialised value (little-endian) */
  MUSTER_LINK_LEVEL = 9,    /* receiver: `number` is the new level */
  MUSTER_LINK_REFUSED = 10, /* receiver: payload a reason in UTF-8; do not come back */
} MusterLinkType;

typedef struct
{
  MusterLinkType type;
  guint16 flags;
  guint32 count;
  guint64 number;
  guint32 drops;
} MusterLinkHeader;

typedef struct
{
  guint8 token[MUSTER_JOURNAL_TOKEN_SIZE];
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint32 pid;
} MusterLinkHello; /* 32 + 16 + 4 bytes */

typedef struct
{
  guint64 credit_bytes;
  gint64 realtime_ns; /* the base of time for intervals */
  gint64 boottime_ns;
} MusterLinkWelcome; /* 8 + 8 + 8 bytes */

MUSTER_PUBLIC void muster_link_header_encode (const MusterLinkHeader *header, guint8 out[MUSTER_LINK_HEADER_SIZE]);
MUSTER_PUBLIC gboolean muster_link_header_decode (const void *data, gsize size, MusterLinkHeader *header,
                                                  GError **error);
#define MUSTER_LINK_HELLO_SIZE   52
#define MUSTER_LINK_WELCOME_SIZE 24
MUSTER_PUBLIC void muster_link_hello_encode (const MusterLinkHello *hello, guint8 out[MUSTER_LINK_HELLO_SIZE]);
MUSTER_PUBLIC gboolean muster_link_hello_decode (const void *data, gsize size, MusterLinkHello *hello, GError **error);
MUSTER_PUBLIC void muster_link_welcome_encode (const MusterLinkWelcome *welcome, guint8 out[MUSTER_LINK_WELCOME_SIZE]);
MUSTER_PUBLIC gboolean muster_link_welcome_decode (const void *data, gsize size, MusterLinkWelcome *welcome,
                                                   GError **error);
GBytes *muster_link_message_encode (GVariant *message);
GVariant *muster_link_message_decode (const void *data, gsize size, GError **error); /* full; NULL if malformed */
