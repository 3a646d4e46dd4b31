/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

/* Whether what protobuf-c unpacked may be packed again. It takes the field number 0 where its tag is written in more
 * bytes than it needs, keeps it among the unknown fields, and packs what it would not unpack itself, nor would any other
 * reader (protobuf-c 1.4.1; found by tests/fuzz/fuzz-dataset.c). */
gboolean muster_protobuf_is_sound (const ProtobufCMessage *message);
