#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An empty PostgreSQL cluster that the application's node may reach, with PostgreSQL's own defaults
# for durability (fsync, synchronous_commit and full_page_writes on).
set -eu
bin=/usr/lib/postgresql/17/bin data=/srv/postgres
$bin/initdb --pgdata=$data --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8
printf 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n' >>$data/pg_hba.conf
cat >>$data/postgresql.conf <<END
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_buffers = 64MB
max_connections = 40
END
printf 'CREATE ROLE vendure SUPERUSER LOGIN;\nCREATE DATABASE vendure OWNER vendure;\n' |
	while read -r statement; do
		echo "$statement" | $bin/postgres --single -D $data postgres
	done
