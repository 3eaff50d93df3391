/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How not to sync: a bug only. SQLite's own file system with one method
 * changed: an fsync that failed is tried again. Linux has by then marked the
 * pages clean, so the second one has nothing to do and succeeds.
 */
#include "db_loose.h"

#include <sqlite3.h>
#include <stddef.h>

#define KINDS 4 /* SQLite has one table of methods for databases, one for its other files */

static struct kind {
	const sqlite3_io_methods *whole; /* SQLite's; NULL: free */
	sqlite3_io_methods loose;
} kinds[KINDS]; /* by files that are opened one after the other */
static sqlite3_vfs vfs;

static const sqlite3_io_methods *whole_of(const sqlite3_file *f)
{
	int i = 0;

	while (f->pMethods != &kinds[i].loose)
		i++;
	return kinds[i].whole;
}

static int sync_again(sqlite3_file *f, int flags)
{
	const sqlite3_io_methods *whole = whole_of(f);
	int rc = whole->xSync(f, flags);

	return rc == SQLITE_OK ? rc : whole->xSync(f, flags);
}

static int open_loose(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	sqlite3_vfs *own = v->pAppData;
	int rc = own->xOpen(own, name, f, flags, ret_flags), i = 0;

	if (rc != SQLITE_OK)
		return rc;
	while (i < KINDS && kinds[i].whole && kinds[i].whole != f->pMethods)
		i++;
	if (i == KINDS)
		return rc;
	if (!kinds[i].whole) {
		kinds[i].whole = f->pMethods;
		kinds[i].loose = *f->pMethods;
		kinds[i].loose.xSync = sync_again;
	}
	f->pMethods = &kinds[i].loose;
	return rc;
}

void db_loose_sync(void)
{
	sqlite3_vfs *own = sqlite3_vfs_find(NULL);

	if (vfs.xOpen)
		return;
	vfs = *own;
	vfs.zName = "loose";
	vfs.pAppData = own;
	vfs.xOpen = open_loose;
	sqlite3_vfs_register(&vfs, 1);
}
