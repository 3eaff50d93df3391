#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An empty PostgreSQL cluster that the application's node may reach, with PostgreSQL's own defaults
# for durability (fsync, synchronous_commit and full_page_writes on). Targets mount this folder at
# /postgres and run it as a `prepare:` step.
#
#   init.sh ROLE DATABASE
set -eu
bin=$(echo /usr/lib/postgresql/[0-9]*/bin) data=/srv/postgres
$bin/initdb --pgdata=$data --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8
printf 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n' >>$data/pg_hba.conf
cat >>$data/postgresql.conf <<END
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_buffers = 64MB
max_connections = 40
END
printf 'CREATE ROLE %s SUPERUSER LOGIN;\nCREATE DATABASE %s OWNER %s;\n' "$1" "$2" "$1" |
	while read -r statement; do
		echo "$statement" | $bin/postgres --single -D $data postgres
	done
