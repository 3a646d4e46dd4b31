#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Any program can be a worker: what it prints becomes records. A leading <N> sets the level, as for systemd services.
trap 'echo "<5>asked to stop"; exit 0' TERM
echo "<5>a plain shell script, pid $$, not linked with anything"
while :; do
  read -r load _ < /proc/loadavg
  echo "load is $load"
  case $load in
    0.*) ;;
    *) echo "<4>load is above one" ;;
  esac
  sleep 2 &
  wait $!
done
