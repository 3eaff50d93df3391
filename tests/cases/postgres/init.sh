#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shop's database, with PostgreSQL's own defaults for durability but for the size of its log's
# files: a state that is to be tried is copied, and 16 MiB are much for a few sales.
set -eu
bin=$(echo /usr/lib/postgresql/[0-9]*/bin) data=/srv/postgres
$bin/initdb --pgdata=$data --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
	--wal-segsize=1 --no-sync
printf 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n' >>$data/pg_hba.conf
printf "listen_addresses = '*'\nunix_socket_directories = '/tmp'\nshared_buffers = 16MB\n" \
	>>$data/postgresql.conf
printf 'CREATE ROLE shop LOGIN;\nCREATE TABLE sales (key text PRIMARY KEY, total bigint);\n%s\n' \
	'ALTER TABLE sales OWNER TO shop;' | $bin/postgres --single -D $data -j postgres >/dev/null ||
	exit 1
