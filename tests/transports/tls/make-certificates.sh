#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the certificates of these tests anew, good for a hundred years. They protect nothing: the keys lie here.
set -eu
cd "$(dirname "$0")"
authority() { # FILE NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout "$1.key" -out "$1.pem" \
    -subj "/CN=$2" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
}
leaf() { # FILE NAME AUTHORITY
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
  printf 'subjectAltName=DNS:%s,IP:127.0.0.1\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 36500 -extfile "$1.ext" \
    -out "$1.crt" 2>/dev/null
  cat "$1.crt" "$1.key" >"$1.pem"
  rm -f "$1.crt" "$1.key" "$1.csr" "$1.ext"
}
authority ca "Muster test authority"
authority other-ca "Another authority"
leaf server localhost ca
leaf client client.example.org ca
leaf stranger stranger.example.org other-ca
rm -f ./*.key ./*.srl
