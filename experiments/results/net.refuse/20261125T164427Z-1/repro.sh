#!/bin/sh
# Runs this trial again: the experiment as resolved, the same seed.
# It was first run as:
#   ../build/worstday run smoke/net.refuse.yml --seed 1
# WORSTDAY names the program; arguments are passed on (--force when the target has changed).
exec "${WORSTDAY:-/work/wt/tcp/build/worstday}" replay "$@" "$(dirname "$0")"
