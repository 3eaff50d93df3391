#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cut while PostgreSQL starts may leave an empty postmaster.pid, with which it refuses to start ever
# again: whoever boots a machine on which nothing runs yet has to remove it. KEEP_LOCK=1 does not.
bin=$(echo /usr/lib/postgresql/[0-9]*/bin)
[ "${KEEP_LOCK:-}" = 1 ] || rm -f /srv/postgres/postmaster.pid
exec $bin/postgres -D /srv/postgres -c fsync=${FSYNC:-on}
