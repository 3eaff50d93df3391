#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shop on the day its modules are updated (upgrade.yml): the first start just serves; the next
# ones first activate lots and update all modules (all depend on ir), as an administrator does, until that is done.
set -eu
base=/var/lib/shop
if [ -e $base/opened ] && [ ! -e $base/updated ]; then
	trytond-admin -c /target/trytond-postgres.conf --logconf /target/logging-update.conf -d pos \
		-u ir stock_lot --activate-dependencies
	: >$base/updated
fi
: >$base/opened
exec /usr/bin/trytond -c /target/trytond-postgres.conf --logconf /target/logging.conf -d pos
