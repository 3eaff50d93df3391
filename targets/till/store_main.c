/* SPDX-License-Identifier: Apache-2.0 */
/* `till store`: open the books, serve until told to stop, finish what was begun. */
#include "bug.h"
#include "http_server.h"
#include "lock.h"
#include "signals.h"
#include "store.h"
#include "store_behind.h"
#include "till.h"

#define LAST_CALL_MS 200 /* lanes hear "closing" for so long, or until we are asked again */

static int serve(struct store *st, const struct options *o)
{
	int port;
	struct server *server =
		server_start(o->port, store_routes, store_routes_count, st, &port);

	if (!server)
		return 1;
	say("store listening port=%d", port);
	signals_wait(-1);
	say("store closing");
	atomic_store(&st->closing, true);
	signals_wait(LAST_CALL_MS);
	server_stop(server);
	return 0;
}

int store_main(const struct options *o)
{
	struct store st = {0};
	int lock = lock_take(o->data, "store"), rc;

	if (lock < 0)
		return 1;
	rc = store_db_open(&st, o->data) ? 1 : 0;
	if (!rc && bug(BUG_ACK_BEFORE_COMMIT))
		st.behind = behind_start(&st);
	if (!rc)
		rc = serve(&st, o);
	behind_stop(st.behind);
	store_db_close(&st);
	lock_drop(lock, o->data);
	say("store stopped status=%d", rc);
	return rc;
}
