#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shop on the day of its upgrade (upgrade.yml): the first start is yesterday's version, and from
# the next on it is today's, which brings the database up to date before it serves.
set -eu
deployed=/var/lib/shop/deployed
if [ -e $deployed ]; then
	version=today
	export VENDURE_MIGRATE=1
else
	version=yesterday
	: >$deployed
fi
NODE_PATH=/$version/node_modules exec /usr/bin/node /target/server.js
